package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// spawner starts children that the kernel kills when this process dies, however it dies.
type spawner chan func()

func newSpawner() spawner {
	s := make(spawner)
	go func() {
		// The parent-death signal fires at the death of the thread that forked, so that thread stays.
		runtime.LockOSThread()
		for start := range s {
			start()
		}
	}()
	return s
}

func (s spawner) start(command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	s <- func() { started <- command.Start() }
	return <-started
}
