package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

const (
	// startLimit bounds the wait for a companion's first line. A cold disk makes Python slow.
	startLimit = 60 * time.Second
	// askLimit bounds the wait for its answer to a line.
	askLimit = 10 * time.Second
)

// companions are the processes that stay warm beside the engine: the program host and providers.
// They are its children so that they cannot outlive it: their stdin ends, and the kernel kills them.
type companions struct {
	running map[string]*companion
	spawn   chan func()
}

type companion struct {
	request request
	process *os.Process
	stdin   io.WriteCloser
	lines   chan string
	first   string
	exited  chan struct{}
}

func newCompanions() *companions {
	c := &companions{running: map[string]*companion{}, spawn: make(chan func())}
	go func() {
		// The parent-death signal fires at the death of the thread that forked, so that thread stays.
		runtime.LockOSThread()
		for start := range c.spawn {
			start()
		}
	}()
	return c
}

// start returns the first line of the named companion; one that died or differs is replaced.
func (c *companions) start(r request) (string, error) {
	if old, ok := c.running[r.Name]; ok {
		if old.alive() && old.matches(r) {
			return old.first, nil
		}
		c.stop(r.Name)
	}
	fresh, err := c.launch(r)
	if err != nil {
		return "", fmt.Errorf("starting %s: %w", r.Name, err)
	}
	c.running[r.Name] = fresh
	fresh.first, err = fresh.readLine(startLimit)
	if err != nil {
		c.stop(r.Name)
		return "", fmt.Errorf("starting %s: %w", r.Name, err)
	}
	return fresh.first, nil
}

// ask hands over a line and returns the answer.
func (c *companions) ask(name, line string) (string, error) {
	companion, ok := c.running[name]
	if !ok {
		return "", fmt.Errorf("%s does not run", name)
	}
	if _, err := io.WriteString(companion.stdin, line+"\n"); err != nil {
		c.stop(name)
		return "", fmt.Errorf("asking %s: %w", name, err)
	}
	answer, err := companion.readLine(askLimit)
	if err != nil {
		c.stop(name)
		return "", fmt.Errorf("asking %s: %w", name, err)
	}
	return answer, nil
}

func (c *companions) stop(name string) {
	companion, ok := c.running[name]
	if !ok {
		return
	}
	delete(c.running, name)
	_ = companion.stdin.Close()
	_ = companion.process.Kill()
	<-companion.exited
}

func (c *companions) stopAll() {
	for name := range c.running {
		c.stop(name)
	}
}

func (c *companions) launch(r request) (*companion, error) {
	command := exec.Command(r.Argv[0], r.Argv[1:]...)
	command.Dir = r.Cwd
	for name, value := range r.Env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	c.spawn <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	fresh := &companion{
		request: r, process: command.Process, stdin: stdin,
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

func (c *companion) readLine(limit time.Duration) (string, error) {
	select {
	case line := <-c.lines:
		return line, nil
	case <-c.exited:
		return "", fmt.Errorf("it ended")
	case <-time.After(limit):
		return "", fmt.Errorf("no answer within %s", limit)
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

func (c *companion) matches(r request) bool {
	return slices.Equal(c.request.Argv, r.Argv) && c.request.Cwd == r.Cwd && maps.Equal(c.request.Env, r.Env)
}
