//! The face that people and programs see: HTTP and WebSocket over the engine.

pub mod served;

pub mod house;

pub mod server;

pub mod door;

mod listener;

mod rule;

mod route;

pub mod routes;

mod guard;

pub mod grant;

pub mod logins;

mod login;

mod page;

mod probes;

pub mod counts;

mod metrics;

mod openapi;

mod api;

mod searching;

mod frames;
mod veiled;

mod viewer;

mod agents;

mod asking;

mod answering;
pub mod allowing;

mod words;

mod answer;
