//! Faults over whole processes in a blind sum.
