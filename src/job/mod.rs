//! A sample and its task, made into one self-contained program: what to run, under which limits and
//! profile, and the digest that identifies it. No I/O happens here.
