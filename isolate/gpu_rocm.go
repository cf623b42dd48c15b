package isolate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// addROCm adds the node for all of AMD's cards, the render nodes of those that are
// named, and what the runtime reads.
func (g *gpuPlan) addROCm(drivers drivers, p *Policy) error {
	const topology = "/sys/devices/virtual/kfd/kfd/topology/nodes"
	renders := map[int]string{} // by the number of the card
	var nodes []int
	for _, name := range g.names(topology) {
		if n, err := strconv.Atoi(name); err == nil {
			nodes = append(nodes, n)
		}
	}
	slices.Sort(nodes)
	for _, n := range nodes {
		minor := g.value(topology+"/"+strconv.Itoa(n)+"/properties", "drm_render_minor")
		if minor != "" && minor != "0" && minor != "-1" { // processors have a node, too
			renders[len(renders)] = "/dev/dri/renderD" + minor
		}
	}
	if len(renders) == 0 {
		return &SetupError{Doing: "give GPU", Path: p.GPU, Kind: KindNoGPU, Err: errors.New("there is /dev/kfd, but no card in " + topology)}
	}
	var cards []int
	for n := range len(renders) {
		cards = append(cards, n)
	}
	given, err := chosen(p, cards)
	if err != nil {
		return err
	}

	if err := g.give(drivers, "/dev/kfd", requestsOf([]string{"kfd"})); err != nil {
		return err
	}
	for _, n := range given {
		if err := g.give(drivers, renders[n], requestsOf([]string{"drm"})); err != nil {
			return err
		}
		character := "/sys/dev/char/226:" + strings.TrimPrefix(renders[n], "/dev/dri/renderD")
		if to, err := os.Readlink(g.machine + character); err == nil && !filepath.IsAbs(to) {
			// .../0000:03:00.0/drm/renderD128, of which the card's own directory is shown
			g.links[character] = to
			g.showPCI(filepath.Base(filepath.Dir(filepath.Dir(to))))
		}
	}

	g.show("/sys/devices/virtual/kfd")
	if to, err := os.Readlink(g.machine + "/sys/class/kfd/kfd"); err == nil && !filepath.IsAbs(to) {
		g.links["/sys/class/kfd/kfd"] = to
	}
	g.show("/sys/module/amdgpu")
	return nil
}
