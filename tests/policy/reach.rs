//! What Landlock refuses wherever it is done: control of devices, TCP, sockets with abstract names and
//! signals to whoever is not under the same rules. And the rules as jobs meet them.

use std::fs::File;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fumehood::sandbox::Profile;
use fumehood::sandbox::profile::{Access, LandlockRule};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, isatty};

use crate::acts::{Right, errno, granted_by};
use crate::landlock::{interfaces, profiles, under};
use crate::support::{self, modes};

/// From this interface on there are rights on TCP, and from that on scopes.
const TCP: u32 = 4;
const SCOPES: u32 = 6;

fn tried<T>(result: std::io::Result<T>) -> Result<(), Errno> {
    result.map(drop).map_err(|error| errno(&error))
}

fn refuses_tcp(profile: &Profile) -> bool {
    profile
        .network
        .as_ref()
        .is_none_or(|network| network.refuse_tcp)
}

/// Asks the device whether it is a terminal, which is a request that Landlock knows as one to a device.
fn control(device: &File) -> Result<(), Errno> {
    isatty(device).map(drop)
}

/// No kind of access lets a job control a device that it opens; one that was opened before stays as it was.
#[test]
fn no_rule_grants_control_of_devices() {
    let open = || File::open("/dev/zero").map_err(|error| errno(&error));
    let before = open().unwrap();
    let opened = || open().and_then(|device| control(&device));
    assert_eq!(under(None, opened), Ok(()));
    for profile in profiles() {
        for rule in &profile.landlock {
            assert!(!granted_by(rule.access).contains(&Right::IoctlDev));
            // A rule on a device is on the file, any other on a folder.
            let place = match rule.access {
                Access::Use => "/dev/zero",
                _ => "/dev",
            };
            let rules = [LandlockRule {
                path: PathBuf::from(place),
                ..rule.clone()
            }];
            for interface in interfaces() {
                let confined = Some((&rules[..], false, interface));
                let wanted = match interface >= Right::IoctlDev.since() {
                    true => Err(Errno::EACCES),
                    false => Ok(()),
                };
                assert_eq!(under(confined, opened), wanted, "{interface}: {rule:?}");
                assert_eq!(under(confined, || control(&before)), Ok(()), "{rule:?}");
            }
        }
    }
}

#[test]
fn tcp_is_refused_where_the_profile_says_so() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = server.local_addr().unwrap();
    let bound = || tried(TcpListener::bind("127.0.0.1:0"));
    let connected = || tried(TcpStream::connect(there));
    // The neighbour: no right on it, and no need; the namespace holds no one to talk to.
    let other = || tried(UdpSocket::bind("127.0.0.1:0"));
    let all = || [bound(), connected(), other()];
    assert_eq!(under(None, all), [Ok(()); 3]);
    let mut allowed = Vec::new();
    for profile in profiles() {
        let refuses = refuses_tcp(&profile);
        if !refuses {
            allowed.push(profile.name.clone());
        }
        for interface in interfaces() {
            let seen = under(Some((&profile.landlock, refuses, interface)), all);
            let tcp = match refuses && interface >= TCP {
                true => Err(Errno::EACCES),
                false => Ok(()),
            };
            let name = &profile.name;
            assert_eq!(seen, [tcp, tcp, Ok(())], "{name}, interface {interface}");
        }
    }
    // Both ways: those with a loopback of their own allow it, and no others.
    assert_eq!(allowed, ["grade", "scanner-loopback"]);
}

/// Listens on an abstract name for connections, and on another for messages.
struct Listening {
    _stream: UnixListener,
    _datagram: UnixDatagram,
    names: [SocketAddr; 2],
}

impl Listening {
    fn new(word: &str) -> Self {
        let name = |kind: &str| {
            let name = format!("fumehood-policy-{}-{word}-{kind}", std::process::id());
            SocketAddr::from_abstract_name(name).unwrap()
        };
        let names = [name("stream"), name("datagram")];
        Self {
            _stream: UnixListener::bind_addr(&names[0]).unwrap(),
            _datagram: UnixDatagram::bind_addr(&names[1]).unwrap(),
            names,
        }
    }

    fn reached(&self) -> [Result<(), Errno>; 2] {
        let [stream, datagram] = &self.names;
        let sent = UnixDatagram::unbound().and_then(|own| own.send_to_addr(b"word", datagram));
        [tried(UnixStream::connect_addr(stream)), tried(sent)]
    }
}

#[test]
fn abstract_names_of_others_cannot_be_reached() {
    for profile in profiles() {
        for interface in interfaces() {
            let confined = Some((&*profile.landlock, refuses_tcp(&profile), interface));
            let outside = Listening::new(&format!("{}-{interface}-outside", profile.name));
            assert_eq!(outside.reached(), [Ok(()); 2]);
            let (own, others) = under(confined, || {
                let own = Listening::new(&format!("{}-{interface}-own", profile.name));
                (own.reached(), outside.reached())
            });
            let wanted = match interface >= SCOPES {
                true => Err(Errno::EPERM),
                false => Ok(()),
            };
            let name = &profile.name;
            assert_eq!(own, [Ok(()); 2], "{name}, interface {interface}");
            assert_eq!(others, [wanted; 2], "{name}, interface {interface}");
        }
    }
}

/// A process that waits until it is told to end, one way or the other.
fn waiting() -> Child {
    let mut command = Command::new("/bin/cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

fn end(child: &Child) -> Result<(), Errno> {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM)
}

/// Whether a signal ended it; otherwise the end of its input does.
fn was_ended(mut child: Child) -> bool {
    drop(child.stdin.take());
    let mut rest = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn processes_of_others_cannot_be_signalled() {
    let control = waiting();
    assert_eq!(under(None, || end(&control)), Ok(()));
    assert!(was_ended(control));
    for profile in profiles() {
        for interface in interfaces() {
            let confined = Some((&*profile.landlock, refuses_tcp(&profile), interface));
            let outside = waiting();
            let (own, other) = under(confined, || {
                let own = waiting();
                let seen = end(&own);
                assert_eq!(seen.is_ok(), was_ended(own));
                (seen, end(&outside))
            });
            let name = &profile.name;
            assert_eq!(own, Ok(()), "{name}, interface {interface}");
            let wanted = match interface >= SCOPES {
                true => Err(Errno::EPERM),
                false => Ok(()),
            };
            assert_eq!(other, wanted, "{name}, interface {interface}");
            assert_eq!(was_ended(outside), wanted.is_ok());
        }
    }
}

/// Inside of the sandbox every path of a rule is there, and what only Landlock keeps a job from doing
/// (writing to a device that any user may write) is refused, and is done where Landlock is given up.
#[test]
fn jobs_are_under_these_rules() {
    if interfaces().is_empty() {
        return support::skip("jobs under Landlock: this kernel has none");
    }
    for mode in modes() {
        for profile in profiles() {
            let devices: Vec<String> = (profile.device.iter())
                .map(|device| device.path.display().to_string())
                .collect();
            let rules: Vec<String> = (profile.landlock.iter())
                .map(|rule| rule.path.display().to_string())
                .collect();
            let script = format!(
                "for p in {}; do [ -e $p ] && echo there $p; done\n\
                 for d in {}; do (: 4>$d) 2>/dev/null && echo wrote $d; done; true",
                rules.join(" "),
                devices.join(" ")
            );
            let there: Vec<String> = rules.iter().map(|path| format!("there {path}")).collect();
            let lines = |options: &[&str]| {
                let options = [options, &["--profile", &profile.name]].concat();
                let result = support::exec(&mode, &options, &["/bin/sh", "-c", &script]);
                let text = result["stdout"]["text"].as_str().unwrap();
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            };
            let wrote = |devices: &[String]| {
                let wrote = devices.iter().map(|device| format!("wrote {device}"));
                there.iter().cloned().chain(wrote).collect::<Vec<_>>()
            };
            let named: Vec<String> = devices
                .iter()
                .filter(|device| rules.contains(device))
                .cloned()
                .collect();
            assert!(named.len() < devices.len());
            let name = &profile.name;
            assert_eq!(lines(&[]), wrote(&named), "{mode:?}, {name}");
            let without = lines(&["--give-up", "landlock"]);
            assert_eq!(without, wrote(&devices), "{mode:?}, {name}");
        }
    }
}
