package peer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// findInTables looks up the TCP socket at remote that is connected to local in
// the tables of all of them, proc_net(5). It costs a read of every connection
// that the machine has.
func findInTables(remote, local address) (socket, error) {
	mapped := fmt.Sprintf("%016X%08X", 0, binary.NativeEndian.Uint32([]byte{0, 0, 0xff, 0xff}))
	s, err := findInTable("/proc/net/tcp", remote.hex(), local.hex())
	if err != nil || s.held() {
		return s, err
	}
	// A machine without IPv6 has no such table and no such client.
	s, err = findInTable("/proc/net/tcp6", mapped+remote.hex(), mapped+local.hex())
	if os.IsNotExist(err) {
		err = nil
	}
	return s, err
}

// hex returns the address as the tables have it.
func (a address) hex() string {
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(a.ip[:]), a.port)
}

func findInTable(path, from, to string) (socket, error) {
	table, err := os.Open(path)
	if err != nil {
		return socket{}, err
	}
	defer table.Close()

	lines := bufio.NewScanner(table)
	for lines.Scan() {
		if s, ok := parseLine(lines.Bytes(), from, to); ok && s.held() {
			return s, nil
		}
	}
	return socket{}, lines.Err()
}

// parseLine reads a line of /proc/net/tcp:
//
//	0: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000  0 31415 1 ...
func parseLine(line []byte, from, to string) (socket, bool) {
	fields := bytes.Fields(line)
	if len(fields) < 10 || string(fields[1]) != from || string(fields[2]) != to {
		return socket{}, false
	}
	state, errState := strconv.ParseUint(string(fields[3]), 16, 8)
	user, errUser := strconv.ParseUint(string(fields[7]), 10, 32)
	inode, errInode := strconv.ParseUint(string(fields[9]), 10, 32)
	if errState != nil || errUser != nil || errInode != nil {
		return socket{}, false
	}
	return socket{uint8(state), uint32(user), uint32(inode)}, true
}

// allUsers is how many there are; the last number is none.
const allUsers = 1<<32 - 1

// overflowUser returns the number by which this user namespace sees every user whom
// it has no number for, or -1 if it has one for each, as the machine's own.
func overflowUser() int64 {
	text, _ := os.ReadFile("/proc/self/uid_map")
	if mapped(string(text)) == allUsers {
		return -1
	}
	number, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err == nil {
		if user, err := strconv.ParseUint(strings.TrimSpace(string(number)), 10, 32); err == nil {
			return int64(user)
		}
	}
	return 65534 // DEFAULT_OVERFLOWUID in linux/highuid.h
}

// mapped returns how many users the lines of a uid_map have, user_namespaces(7):
// the first number inside, the first one outside, and how many.
func mapped(text string) (count uint64) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return 0
		}
		n, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil {
			return 0
		}
		count += n
	}
	return count
}

// usersAbove returns the real and effective users of the processes from our parent
// up, as far as they can be seen.
func usersAbove() []uint32 {
	var found []uint32
	parentOf := func() int { return os.Getppid() }
	for range 1000 { // far more than any tree is high
		pid := parentOf()
		if pid <= 0 {
			break
		}
		parent, users, err := readStatus(pid)
		// As long as it is the parent its number is nobody else's.
		if err != nil || parentOf() != pid {
			break
		}
		found = append(found, users...)
		if parent == 0 {
			break
		}
		parentOf = func() int {
			parent, _, _ := readStatus(pid)
			return parent
		}
	}

	return found
}

func readStatus(pid int) (parent int, users []uint32, err error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, nil, err
	}
	parent, users = parseStatus(string(text))
	return parent, users, nil
}

// parseStatus reads the parent, and the real and the effective user, in what
// proc_pid_status(5) describes.
func parseStatus(text string) (parent int, users []uint32) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case name == "PPid" && len(fields) == 1:
			parent, _ = strconv.Atoi(fields[0])
		case name == "Uid" && len(fields) == 4:
			for _, field := range fields[:2] {
				if user, err := strconv.ParseUint(field, 10, 32); err == nil {
					users = append(users, uint32(user))
				}
			}
		}
	}
	return parent, users
}
