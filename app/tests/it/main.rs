//! Stories with the real binary: real processes, real terminals, a home of their own each.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: what fails there fails the test"
)]

mod desk;

mod runs;
mod torture;
mod shells;
mod nested;
mod frames;
mod multiplexers;
mod prompts;
mod tools;
mod shared;
mod isolated;
mod drives;
mod tasks;
mod evidence;
mod idle;
mod verified;
mod footprint;
mod hostile;
mod input;
mod kinds;
mod keys;
mod ladder;
mod parking;
mod renaming;
mod peers;
mod giving_up;
mod strangers;
mod retry;
mod cancel;

mod survival;
mod crash;
mod remote;
mod hosts;
mod trust;
mod cards;
mod secrets;
mod canaries;
mod device_test;
mod device_words;
mod projects;
mod hidden;
mod devices;
mod fork;
mod broken;
mod up_host;
mod openssh;
mod users_ssh;
mod engines;
mod kerberos;
mod ssh_words;
mod bad_input;

mod clients;

mod attach;
mod command_line;
mod config;
mod surroundings;
mod daemon;
mod principal;
mod socket;

mod http;
mod talk;
mod by_http;
mod watched;
mod resources;
mod access;
mod guarded;
mod stalled;
mod bound;
mod viewer;
mod viewer_cards;
mod viewer_pen;
mod viewer_places;
mod viewer_predicts;
mod viewer_tools;
mod viewer_built;
