package main

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// dynamicProviders lets the plugin for dynamic providers (../dynamic) have its process forked from the
// zygote of the program host, so that Python does not start anew for each command.
//
// The plugin connects to a socket and sends one message: the path of the interpreter that it would
// start, with three descriptors, of the job, stdout and stderr. From then on the connection is between
// plugin and zygote: see submit in program.go for what is said there. A connection that ends before is
// a refusal, after which the plugin starts Python by itself.
type dynamicProviders struct {
	address string

	changing sync.Mutex
	// Of the current command; nil between commands and where it has no zygote.
	zygote *companion
	// python is the zygote's own interpreter.
	python string
	// isCurrent tells whether what the zygote has imported is known to be what is installed.
	isCurrent bool
}

// newDynamicProviders listens on a socket that has no place in the file system, under a name that
// nobody can guess.
func newDynamicProviders() (*dynamicProviders, error) {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, err
	}
	address := &net.UnixAddr{Name: "@pulumi-warm-" + hex.EncodeToString(random[:]), Net: "unixpacket"}
	listener, err := net.ListenUnix(address.Net, address)
	if err != nil {
		return nil, err
	}
	d := &dynamicProviders{address: address.Name}
	go func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			go d.take(conn)
		}
	}()
	return d, nil
}

// begin has plugins of a command served from its zygote.
func (d *dynamicProviders) begin(zygote *companion, python string, isCurrent bool) {
	d.changing.Lock()
	defer d.changing.Unlock()
	d.zygote, d.python, d.isCurrent = zygote, python, isCurrent
}

// end refuses plugins that come after their command.
func (d *dynamicProviders) end() { d.begin(nil, "", false) }

// take hands what one plugin asks for on to the zygote, or refuses it.
func (d *dynamicProviders) take(conn *net.UnixConn) {
	defer conn.Close()
	if !isOfOurSession(conn) {
		return
	}
	python, files, err := receiveJob(conn)
	defer func() {
		for _, file := range files {
			file.Close()
		}
	}()
	if err != nil || len(files) != 3 {
		return
	}
	life, err := conn.File()
	if err != nil {
		return
	}
	defer life.Close()

	d.changing.Lock()
	defer d.changing.Unlock()
	if d.zygote == nil || !isSamePython(python, d.python) || !d.hasCurrent() {
		return
	}
	rights := syscall.UnixRights(
		int(files[0].Fd()), int(life.Fd()), int(files[1].Fd()), int(files[2].Fd()))
	_, _, _ = d.zygote.stdin.WriteMsgUnix([]byte{providerJob}, rights, nil)
}

// hasCurrent looks once for each command, as the program host does before it runs the program.
func (d *dynamicProviders) hasCurrent() bool {
	d.isCurrent = d.isCurrent || isCurrent(d.zygote)
	return d.isCurrent
}

// isOfOurSession tells whether the other end is a process that this one has started.
func isOfOurSession(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var peer *syscall.Ucred
	var failure error
	err = raw.Control(func(fd uintptr) {
		peer, failure = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failure != nil || int(peer.Uid) != os.Getuid() {
		return false
	}
	theirs, err := getsid(int(peer.Pid))
	if err != nil {
		return false
	}
	ours, err := getsid(0)
	return err == nil && theirs == ours
}

func getsid(pid int) (int, error) {
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(session), nil
}

func receiveJob(conn *net.UnixConn) (string, []*os.File, error) {
	message := make([]byte, 4096)
	control := make([]byte, syscall.CmsgSpace(3*4))
	size, controlSize, _, _, err := conn.ReadMsgUnix(message, control)
	if err != nil {
		return "", nil, err
	}
	files, err := parseRights(control[:controlSize])
	return string(message[:size]), files, err
}

// isSamePython tells whether two paths are one interpreter of one virtual environment, by whichever of
// its names.
func isSamePython(one, other string) bool {
	if filepath.Dir(one) != filepath.Dir(other) {
		return false
	}
	first, err := os.Stat(one)
	if err != nil {
		return false
	}
	second, err := os.Stat(other)
	return err == nil && os.SameFile(first, second)
}
