//! The flowrun command line: arguments, rendering and exit codes.
