//! A task's network: namespace, routed veth, nftables base rules, resolv.conf.
