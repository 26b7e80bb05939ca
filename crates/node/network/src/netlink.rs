//! Blocking rtnetlink requests: one message, one acknowledgement.
//!
//! A socket belongs to the network namespace it was opened in, so a task's link is configured through a socket
//! that was opened inside, without anybody entering the namespace again.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;

use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::{MacAddress, NetworkError};

/// A request socket in the namespace of the thread that opened it.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// One end of a veth pair.
pub(crate) struct VethEnd<'a> {
    pub name: &'a str,
    pub mac: MacAddress,
    /// `None`: the kernel chooses.
    pub index: Option<u32>,
    /// The namespace that it is put into; `None`: the socket's.
    pub namespace: Option<RawFd>,
}

impl Netlink {
    pub(crate) fn open() -> Result<Self, NetworkError> {
        let open = || -> io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            Ok(socket)
        };
        let socket = open().map_err(|source| NetworkError::Netlink {
            what: "socket",
            source,
        })?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Makes both ends at once: named, addressed and placed. The near end is up; the far end is still down, because
    /// the kernel opens it before it knows its peer (`ENOTCONN`).
    pub(crate) fn add_veth(
        &mut self,
        near: &VethEnd<'_>,
        far: &VethEnd<'_>,
    ) -> Result<(), NetworkError> {
        let mut message = link_message(near);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        let peer = InfoData::Veth(InfoVeth::Peer(link_message(far)));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(peer),
        ]));
        self.request(
            "veth",
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    pub(crate) fn delete_link(&mut self, name: &str) -> Result<(), NetworkError> {
        let mut message = LinkMessage::default();
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        self.request("link removal", RouteNetlinkMessage::DelLink(message), 0)
    }

    pub(crate) fn set_up(&mut self, index: u32) -> Result<(), NetworkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.request("link up", RouteNetlinkMessage::SetLink(message), 0)
    }

    pub(crate) fn add_address(
        &mut self,
        index: u32,
        address: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = 32;
        message.header.scope = AddressScope::Universe;
        message.header.index = index;
        message.attributes = vec![
            AddressAttribute::Local(address.into()),
            AddressAttribute::Address(address.into()),
        ];
        self.request(
            "address",
            RouteNetlinkMessage::NewAddress(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// A neighbour that never has to be asked for.
    pub(crate) fn add_neighbour(
        &mut self,
        index: u32,
        address: Ipv4Addr,
        mac: MacAddress,
    ) -> Result<(), NetworkError> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = index;
        message.header.state = NeighbourState::Permanent;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)),
            NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()),
        ];
        self.request(
            "neighbour",
            RouteNetlinkMessage::NewNeighbour(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// `address`/32 is at the other end of this link.
    pub(crate) fn add_host_route(
        &mut self,
        index: u32,
        address: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let mut message = route_message(RouteScope::Link, 32);
        message.attributes = vec![
            RouteAttribute::Destination(RouteAddress::Inet(address)),
            RouteAttribute::Oif(index),
        ];
        self.request(
            "host route",
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    /// Everything else goes to `gateway`, which need not be in any subnet.
    pub(crate) fn add_default_route(
        &mut self,
        index: u32,
        gateway: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let mut message = route_message(RouteScope::Universe, 0);
        message.header.flags = RouteFlags::Onlink;
        message.attributes = vec![
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)),
            RouteAttribute::Oif(index),
        ];
        self.request(
            "default route",
            RouteNetlinkMessage::NewRoute(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )
    }

    fn request(
        &mut self,
        what: &'static str,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), NetworkError> {
        self.exchange(message, flags)
            .map_err(|source| NetworkError::Netlink { what, source })
    }

    fn exchange(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
        loop {
            let (answer, _) = self.socket.recv_from_full()?;
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            // An answer to an earlier request can only be one that was given up; it is not ours.
            if answer.header.sequence_number != self.sequence {
                continue;
            }
            if let NetlinkPayload::Error(error) = answer.payload {
                return if error.code.is_none() {
                    Ok(())
                } else {
                    Err(error.to_io())
                };
            }
        }
    }
}

fn link_message(end: &VethEnd<'_>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = end.index.unwrap_or(0);
    message.attributes = vec![
        LinkAttribute::IfName(end.name.to_owned()),
        LinkAttribute::Address(end.mac.0.to_vec()),
    ];
    message
        .attributes
        .extend(end.namespace.map(LinkAttribute::NetNsFd));
    message
}

fn route_message(scope: RouteScope, prefix_length: u8) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = prefix_length;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = scope;
    message.header.kind = RouteType::Unicast;
    message
}
