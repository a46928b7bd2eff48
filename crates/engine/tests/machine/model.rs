//! The reference model: what an undisturbed run must come to, by plain recursion
//! over cards, without time and order.

use std::collections::BTreeMap;

use flowrun_engine::machine::{Action, Cause, End, Outcome, Skip, Slot, Tolerate};

use crate::plan::{Path, Plan};

/// What becomes of something when nothing around it stops before its turn.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Succeeds,
    /// For one of these causes: which one, is a question of time.
    Fails(Vec<Cause>),
    Skips(Skip),
    /// It waits, directly or through others, for a card that fails.
    NeverStarts,
}

pub(crate) struct Model<'a> {
    plan: &'a Plan,
    fates: BTreeMap<Path, Fate>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let mut model = Self {
            plan,
            fates: BTreeMap::new(),
        };
        let fate = model.group(&vec![]);
        model.fates.insert(vec![], fate);
        model
    }

    fn fails_itself(&self, path: &Path, attempts: u32, slot: Slot) -> Option<Fate> {
        let failure = self.plan.error(path, slot)?;
        Some(Fate::Fails(vec![*self.plan.cause(path, attempts, failure)]))
    }

    fn group(&mut self, path: &Path) -> Fate {
        let cards = &self.plan.bodies[self.plan.body_at(path) as usize];
        let cards: Vec<Path> = (0..u32::try_from(cards.len()).unwrap())
            .map(|local| [&path[..], &[(local, None)]].concat())
            .collect();
        let mut causes = vec![];
        for card in cards {
            if let Fate::Fails(more) = self.card(&card) {
                causes.extend(more);
            }
        }
        match causes.is_empty() {
            true => self
                .fails_itself(path, 0, Slot::Outputs)
                .unwrap_or(Fate::Succeeds),
            false => Fate::Fails(causes),
        }
    }

    fn card(&mut self, path: &Path) -> Fate {
        if let Some(fate) = self.fates.get(path) {
            return fate.clone();
        }
        let card = self.plan.card(self.plan.card_at(path).unwrap());
        let mut starts = true;
        for other in &card.waits {
            let fate = self.card(&self.plan.sibling(path, *other));
            starts &= !matches!(fate, Fate::Fails(_) | Fate::NeverStarts);
        }
        let mut missing = card.requires.clone();
        missing.sort();
        missing.retain(|other| {
            let fate = &self.fates[&self.plan.sibling(path, *other)];
            !matches!(fate, Fate::Succeeds)
        });
        let fate = if !starts {
            Fate::NeverStarts
        } else if let Some(missing) = missing.first() {
            Fate::Skips(Skip::Requires(*missing))
        } else {
            self.modified(path)
        };
        self.fates.insert(path.clone(), fate.clone());
        fate
    }

    /// A card whose turn has come.
    fn modified(&mut self, path: &Path) -> Fate {
        let card = self.plan.card(self.plan.card_at(path).unwrap());
        if card.when {
            if let Some(fate) = self.fails_itself(path, 0, Slot::When) {
                return fate;
            }
            if !self.plan.when(path) {
                return Fate::Skips(Skip::When);
            }
        }
        match card.for_each {
            None => self.action(path),
            Some(_) => self.list(path),
        }
    }

    fn list(&mut self, path: &Path) -> Fate {
        if let Some(fate) = self.fails_itself(path, 0, Slot::ForEach) {
            return fate;
        }
        let card = self.plan.card(self.plan.card_at(path).unwrap());
        let settings = card.for_each.unwrap();
        let (mut kept, mut failed, mut causes) = (0, 0, vec![]);
        for index in 0..self.plan.length(path) {
            let mut item = path.clone();
            item.last_mut().unwrap().1 = Some(index);
            let fate = match self.fails_itself(&item, 0, Slot::Where) {
                Some(fate) if settings.filter => fate,
                _ if settings.filter && !self.plan.keeps(&item) => Fate::Skips(Skip::Where),
                _ => self.action(&item),
            };
            kept += u64::from(!matches!(fate, Fate::Skips(_)));
            if let Fate::Fails(more) = &fate {
                failed += 1;
                causes.extend(more.iter().cloned());
            }
            self.fates.insert(item, fate);
        }
        let allowed = match settings.tolerate {
            Tolerate::Count(count) => count,
            Tolerate::Percent(percent) => kept * u64::from(percent) / 100,
            Tolerate::All => u64::MAX,
        };
        if failed > allowed {
            return Fate::Fails(causes);
        }
        self.fails_itself(path, 0, Slot::Results)
            .unwrap_or(Fate::Succeeds)
    }

    fn action(&mut self, path: &Path) -> Fate {
        let card = self.plan.card_at(path).unwrap();
        if let Action::Group(_) = self.plan.card(card).action {
            return self.group(path);
        }
        if let Some(fate) = self.fails_itself(path, 0, Slot::Input) {
            return fate;
        }
        for attempt in 1.. {
            match self.plan.failure(path, attempt) {
                None => break,
                Some(failure) if self.plan.tries_again(card, attempt, &failure) => {}
                Some(failure) => {
                    return Fate::Fails(vec![*self.plan.cause(path, attempt, failure)]);
                }
            }
        }
        Fate::Succeeds
    }

    /// Whether the run succeeds.
    pub(crate) fn succeeds(&self) -> bool {
        matches!(self.fates[&vec![]], Fate::Succeeds)
    }

    /// Sees that a run came to what it must.
    pub(crate) fn compare(&self, ends: &BTreeMap<Path, End>, outcome: &Outcome) {
        let mut compared = 1;
        match (&self.fates[&vec![]], outcome) {
            (Fate::Succeeds, Outcome::Succeeded { .. }) => {}
            (Fate::Fails(causes), Outcome::Failed(cause)) => assert!(causes.contains(cause)),
            (fate, outcome) => panic!("{outcome:?} instead of {fate:?}"),
        }
        self.compare_group(&vec![], ends, false, &mut compared);
        assert_eq!(compared, ends.len(), "more has ended than can be");
    }

    fn compare_group(
        &self,
        path: &Path,
        ends: &BTreeMap<Path, End>,
        cut: bool,
        compared: &mut usize,
    ) {
        let cards = &self.plan.bodies[self.plan.body_at(path) as usize];
        let cards = (0..u32::try_from(cards.len()).unwrap())
            .map(|local| [&path[..], &[(local, None)]].concat());
        let cards: Vec<Path> = cards.collect();
        let fails = |card: &Path| matches!(self.fates[card], Fate::Fails(_));
        let cut = cut || cards.iter().any(fails);
        for card in cards {
            assert!(ends.contains_key(&card), "{card:?} has no end");
            self.compare_one(&card, ends, cut, compared);
        }
    }

    /// `cut` tells that what it stands in may stop before its turn, or amid it.
    fn compare_one(
        &self,
        path: &Path,
        ends: &BTreeMap<Path, End>,
        cut: bool,
        compared: &mut usize,
    ) {
        let Some(end) = ends.get(path) else {
            assert!(cut, "{path:?} has no end");
            return;
        };
        *compared += 1;
        let fate = &self.fates[path];
        match (fate, end) {
            (Fate::Succeeds, End::Succeeded { .. }) => {}
            (Fate::Fails(causes), End::Failed(cause)) => assert!(causes.contains(cause)),
            (Fate::Skips(expect), End::Skipped(skip)) if expect == skip => {}
            (_, End::Skipped(Skip::Stopped)) if cut => return,
            (Fate::Succeeds | Fate::Fails(_), End::Cancelled) if cut => {}
            (fate, end) => panic!("{path:?}: {end:?} instead of {fate:?}"),
        }
        let cut = *end == End::Cancelled;
        let card = self.plan.card(self.plan.card_at(path).unwrap());
        let is_loop = card.for_each.is_some() && path[path.len() - 1].1.is_none();
        let opened = !matches!(end, End::Skipped(_)) && !self.failed_before(path, end);
        match card.action {
            _ if is_loop && opened => {
                let cut = cut
                    || matches!(end, End::Failed(cause) if cause.address != self.plan.address(path));
                for index in 0..self.plan.length(path) {
                    let mut item = path.clone();
                    item.last_mut().unwrap().1 = Some(index);
                    self.compare_one(&item, ends, cut, compared);
                }
            }
            Action::Group(_) if opened => {
                let first = [&path[..], &[(0, None)]].concat();
                // Cancelled while its list or condition was asked for: nothing within.
                if !cut || ends.contains_key(&first) {
                    self.compare_group(path, ends, cut, compared);
                }
            }
            _ => {}
        }
    }

    /// Whether it failed before anything in it could start.
    fn failed_before(&self, path: &Path, end: &End) -> bool {
        let asked = [Slot::When, Slot::ForEach, Slot::Where];
        let own = |slot| {
            self.plan.error(path, slot).is_some_and(
                |failure| matches!(end, End::Failed(cause) if cause.failure == failure),
            )
        };
        asked.into_iter().any(own)
    }
}
