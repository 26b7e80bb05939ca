//! One file a command.

pub mod backup;
pub mod completion;
pub mod configure;
pub mod demo;
pub mod doctor;
pub mod down;
pub mod events;
pub mod history;
pub mod image;
pub mod logs;
pub mod node;
pub mod plan;
pub mod ps;
pub mod rotate_root_key;
pub mod run;
pub mod simulate;
pub mod status;
pub mod stop;
pub mod tasks;
pub mod top;
pub mod up;
pub mod why;
