package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	// killLimit bounds the wait for killed processes: one in uninterruptible sleep dies when it wakes up.
	killLimit = 5 * time.Second
	// killPause is what killed processes get to disappear before they are looked for again.
	killPause = 5 * time.Millisecond
)

// exit ends the process with all of its session: plugins and programs have process groups of their
// own, and would be handed to init.
func exit(code int) {
	killSession(os.Getpid())
	os.Exit(code)
}

// killSession kills all other members of the session that the process leads, also those that are
// forked meanwhile. A process that leads none, as one started from a shell, has nothing to kill.
func killSession(leader int) {
	for end := time.Now().Add(killLimit); time.Now().Before(end); time.Sleep(killPause) {
		members := sessionMembers(leader)
		if len(members) == 0 {
			return
		}
		for _, pid := range members {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// sessionMembers are the living processes of the session, without its leader.
func sessionMembers(leader int) []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1) // What was read before an error counts as well.
	var members []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err == nil && pid != leader && sessionOfLiving(name) == leader {
			members = append(members, pid)
		}
	}
	return members
}

// sessionOfLiving reads /proc/PID/stat: state, parent, group and session follow the command's name,
// which is in parentheses and may itself contain anything. It is 0 for a process that has ended.
func sessionOfLiving(pid string) int {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 4 || bytes.ContainsAny(fields[0], "ZX") {
		return 0
	}
	session, _ := strconv.Atoi(string(fields[3]))
	return session
}
