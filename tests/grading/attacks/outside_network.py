# tries: reaches this computer, the network, name servers and local sockets
# answers: right
# fair: 1 2 3 4
# says: nobody answered
# %% own
import socket, urllib.request
done = []
def attempt(name, act):
    try:
        act()
        done.append(name)
    except (OSError, ImportError):
        pass
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", @PORT@), timeout=1))
attempt("tcp6", lambda: socket.create_connection(("::1", @PORT@), timeout=1))
attempt("url", lambda: urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=1))
attempt("dns", lambda: socket.getaddrinfo("localhost.example", 80))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(
    b"x", ("127.0.0.1", @PORT@)))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK).connect((2, 1)))
for name in ("/run/docker.sock", "/var/run/dbus/system_bus_socket", "\0/tmp/.X11-unix/X0"):
    attempt(name, lambda: socket.socket(socket.AF_UNIX).connect(name))
raise RuntimeError(f"reached {done}" if done else "nobody answered")
