//! One file a command.

pub mod backup;
pub mod configure;
pub mod demo;
pub mod doctor;
pub mod down;
pub mod image;
pub mod logs;
pub mod ps;
pub mod run;
pub mod stop;
pub mod tasks;
pub mod up;
