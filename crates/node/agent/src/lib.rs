//! A node's agent: joins over ACS, runs tasks, tells the truth about them.
