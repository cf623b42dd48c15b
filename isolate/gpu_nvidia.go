package isolate

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"isolate-namespace/isolate/internal/seccomp"
)

// addNVIDIA adds NVIDIA's cards, the nodes that all of them need, and what CUDA reads.
// The node for displays, and the sockets of its services, are not needed.
func (g *gpuPlan) addNVIDIA(drivers drivers, p *Policy) error {
	var cards []int
	for _, name := range g.names("/dev") {
		number, ok := strings.CutPrefix(name, "nvidia")
		if n, err := strconv.Atoi(number); ok && err == nil && n >= 0 {
			cards = append(cards, n)
		}
	}
	slices.Sort(cards)
	for _, path := range []string{"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0"} {
		if !g.has(path) && (path != "/dev/nvidia0" || len(cards) == 0) {
			return &SetupError{Doing: "give GPU", Path: p.GPU, Kind: KindNoGPUNode,
				Err: fmt.Errorf("NVIDIA's driver is here, but not %s, which the first program that uses it makes", path)}
		}
	}
	given, err := chosen(p, cards)
	if err != nil {
		return err
	}

	own, uvm := requestsOf([]string{"nvidia"}), requestsOf([]string{"nvidia-uvm"})
	paths := map[string][]seccomp.Requests{"/dev/nvidiactl": own, "/dev/nvidia-uvm": uvm}
	if g.has("/dev/nvidia-uvm-tools") {
		paths["/dev/nvidia-uvm-tools"] = uvm
	}
	for _, n := range given {
		paths["/dev/nvidia"+strconv.Itoa(n)] = own
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if err := g.give(drivers, path, paths[path]); err != nil {
			return err
		}
	}
	g.addCapabilities(drivers, given)

	for _, name := range []string{"nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm"} {
		g.show("/sys/module/" + name)
	}
	g.show("/proc/driver/nvidia")
	g.show("/proc/driver/nvidia-uvm")
	const gpus, capabilities = "/proc/driver/nvidia/gpus", "/proc/driver/nvidia/capabilities"
	for _, address := range g.names(gpus) {
		n, err := strconv.Atoi(g.value(gpus+"/"+address+"/information", "Device Minor"))
		if err == nil && slices.Contains(given, n) {
			g.showPCI(address)
		} else {
			g.hidden = append(g.hidden, gpus+"/"+address)
		}
	}
	for _, name := range g.names(capabilities) {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "gpu"))
		if err == nil && !slices.Contains(given, n) {
			g.hidden = append(g.hidden, capabilities+"/"+name)
		}
	}
	return nil
}

// addCapabilities adds the nodes by which the instances of cards that are divided (MIG)
// are opened, as far as the caller may open them.
func (g *gpuPlan) addCapabilities(drivers drivers, given []int) {
	const minors = "/proc/driver/nvidia-caps/mig-minors"
	text, _ := os.ReadFile(g.machine + minors)
	some := false
	for line := range strings.Lines(string(text)) {
		// Such as gpu0/gi1/access 12, and config 1, which configures all cards.
		var name string
		var card, minor int
		if n, _ := fmt.Sscanf(line, "gpu%d/%s %d", &card, &name, &minor); n != 3 || !slices.Contains(given, card) {
			continue
		}
		if path := "/dev/nvidia-caps/nvidia-cap" + strconv.Itoa(minor); g.has(path) {
			// The card's node is asked, with this one as a proof.
			some = g.give(drivers, path, requestsOf([]string{"nvidia"})) == nil || some
		}
	}
	if some {
		g.show("/proc/driver/nvidia-caps")
	}
}
