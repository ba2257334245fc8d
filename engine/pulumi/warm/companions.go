package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// lineLimit bounds the wait for a line of a companion. A cold disk makes Python start slowly.
const lineLimit = 60 * time.Second

// keptOfAName bounds the companions of one name that are kept, each for a command line and environment
// of its own. A program host takes some 50 MB, and more with the packages of its program.
const keptOfAName = 3

// companions are the processes that stay warm beside the engine: program hosts and providers.
// They are its children, and cannot outlive it: see spawner.
type companions struct {
	// running has those of a name in the order of their last use.
	running map[string][]*companion
	spawner spawner
}

// process is what to start.
type process struct {
	argv []string
	env  map[string]string
}

func (p process) equal(other process) bool {
	return slices.Equal(p.argv, other.argv) && maps.Equal(p.env, other.env)
}

type companion struct {
	process
	child *os.Process
	// stdin is a socket, whose messages can carry descriptors.
	stdin *net.UnixConn
	lines chan string
	// first is the line that it printed when it was ready.
	first  string
	exited chan struct{}
}

func newCompanions(spawner spawner) *companions {
	return &companions{running: map[string][]*companion{}, spawner: spawner}
}

// start returns the named companion that is as wanted, once it is ready. Where there is none, it takes
// the place of the one that was not used for longest.
func (c *companions) start(name string, wanted process) (*companion, error) {
	c.forgetDead(name)
	kept := c.running[name]
	if i := slices.IndexFunc(kept, func(old *companion) bool { return old.equal(wanted) }); i >= 0 {
		old := kept[i]
		c.running[name] = append(slices.Delete(kept, i, i+1), old)
		return old, nil
	}
	if len(kept) == keptOfAName {
		c.stop(name, kept[0])
	}
	fresh, err := c.launch(wanted)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	c.running[name] = append(c.running[name], fresh)
	if fresh.first, err = fresh.readLine(); err != nil {
		c.stop(name, fresh)
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return fresh, nil
}

func (c *companions) forgetDead(name string) {
	c.running[name] = slices.DeleteFunc(c.running[name], func(each *companion) bool {
		if each.alive() {
			return false
		}
		_ = each.stdin.Close()
		return true
	})
}

func (c *companions) stop(name string, unwanted *companion) {
	c.running[name] = slices.DeleteFunc(c.running[name], func(each *companion) bool {
		return each == unwanted
	})
	_ = unwanted.stdin.Close()
	_ = unwanted.child.Kill()
	<-unwanted.exited
}

func (c *companions) launch(wanted process) (*companion, error) {
	ours, theirs, err := packetPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	command := exec.Command(wanted.argv[0], wanted.argv[1:]...)
	command.Dir = "/"
	command.Stdin = theirs
	for name, value := range wanted.env {
		command.Env = append(command.Env, name+"="+value)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.spawner.start(command); err != nil {
		return nil, err
	}
	fresh := &companion{
		process: wanted, child: command.Process, stdin: ours,
		lines: make(chan string, 1), exited: make(chan struct{}),
	}
	go fresh.pump(stdout, command)
	return fresh, nil
}

// pump keeps stdout empty, whether or not anybody waits for a line, and reaps the process.
func (c *companion) pump(stdout io.Reader, command *exec.Cmd) {
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		select {
		case c.lines <- scanner.Text():
		default:
		}
	}
	_ = command.Wait()
	close(c.exited)
}

func (c *companion) readLine() (string, error) {
	select {
	case line := <-c.lines:
		return line, nil
	case <-c.exited:
		return "", errors.New("it ended")
	case <-time.After(lineLimit):
		return "", fmt.Errorf("no answer within %s", lineLimit)
	}
}

func (c *companion) alive() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// packetPair returns two connected sockets that keep messages apart.
func packetPair() (*net.UnixConn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours := os.NewFile(uintptr(fds[0]), "ours")
	defer ours.Close()
	theirs := os.NewFile(uintptr(fds[1]), "theirs")
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}
