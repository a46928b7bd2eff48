//! A TCP proxy on a loopback port that can hold back what goes through it, so that a transfer is in
//! the middle for as long as a test wants.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// How many bytes a connection may carry in one direction before it is held back: more than a part
/// of 8 MiB, and less than two.
const ALLOWANCE: usize = 12 << 20;

/// The proxy. Its threads end with the process.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: String,
    holding: Arc<AtomicBool>,
    held: Receiver<()>,
}

impl Proxy {
    /// A proxy to an address.
    pub(crate) fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let holding = Arc::new(AtomicBool::new(false));
        let (sender, held) = channel();
        let (target, held_back) = (target.to_owned(), Arc::clone(&holding));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&target).unwrap());
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (holding, sender) = (Arc::clone(&held_back), sender.clone());
                    thread::spawn(move || carry(from, to, &holding, &sender));
                }
            }
        });
        Self {
            address,
            holding,
            held,
        }
    }

    /// From now on, each connection that carries more than 12 MiB one way is held back.
    pub(crate) fn hold(&self) {
        self.holding.store(true, Ordering::SeqCst);
    }

    /// Waits until a connection is held back.
    pub(crate) fn wait_until_held(&self) {
        self.held.recv().unwrap();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, holding: &AtomicBool, held: &Sender<()>) {
    let mut buffer = vec![0; 64 << 10];
    let mut carried = 0;
    let mut told = false;
    loop {
        // A read that fails, or a peer that is gone, ends the connection as a close does.
        let read = from.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            to.shutdown(Shutdown::Both).ok();
            return;
        }
        carried += read;
        if holding.load(Ordering::SeqCst) && carried > ALLOWANCE {
            // What comes is swallowed, so that its end is still seen.
            if !told {
                told = true;
                held.send(()).ok();
            }
            continue;
        }
        if to.write_all(&buffer[..read]).is_err() {
            from.shutdown(Shutdown::Both).ok();
            return;
        }
    }
}
