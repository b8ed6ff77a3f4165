package daemon_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A unit is a package with all that lies below its folder. An import goes down
// a floor, or stays in its unit.
type unit struct {
	dir   string
	floor int
}

// side marks units beside the floors: they import floor 0 only, and only those
// named in sideDoors import them.
const (
	roof = 5
	side = -1
)

var (
	errUnknownUnit = fmt.Errorf("belongs to no floor: give the package its place in the table of floors, and in the design of the house, before writing it")
)

// unitOf finds the unit that a folder belongs to.
func unitOf(dir string) (unit, error) {
	floors := map[int][]string{
		roof: {"daemon/sallyportd", "contrib/*", "plugins/cmd/*", ".ci/*"},
		4:    {"daemon/frontend/*", "enrollweb"},
		3: {"daemon/directory", "daemon/store", "daemon/seal", "daemon/pluginhost",
			"daemon/listen", "daemon/events", "daemon/metrics", "daemon/config"},
		2:    {"daemon/check", "daemon/enroll", "daemon/throttle"},
		1:    {"daemon/account"},
		0:    {"plugins/factor", "plugins/hook"},
		side: {"plugins/wire", "plugins/totp", "plugins/apppassword", "plugins/recovery", "plugins/notify", "configs"},
	}
	for floor, dirs := range floors {
		for _, d := range dirs {
			head := dir
			if n := strings.Count(d, "/") + 1; strings.Count(dir, "/") >= n {
				head = strings.Join(strings.Split(dir, "/")[:n], "/")
			}
			if ok, err := path.Match(d, head); err == nil && ok {
				return unit{head, floor}, nil
			}
		}
	}
	return unit{}, errUnknownUnit
}

// sideDoors names who may import a unit beside the floors. Tests may always.
func sideDoors(dir string) []string {
	switch dir {
	case "plugins/wire":
		return []string{"daemon/pluginhost", "plugins/cmd/*", "plugins/factor/factortest"}
	case "configs":
		return []string{"daemon/sallyportd"}
	default:
		return []string{"plugins/cmd/*"}
	}
}

// isTestSupport tells the packages that only tests import. They obey the rules
// of test files. A new one is added here by its full path.
func isTestSupport(dir string) bool {
	return slices.Contains([]string{
		"daemon/directory/directorytest",
		"daemon/listen/listentest",
		"daemon/store/storetest",
		"plugins/factor/factortest",
		"plugins/wire/jail/jailtest",
		"contrib/servertest",
		"contrib/servertest/davtest",
		"contrib/servertest/impostor",
		"contrib/servertest/mailtest",
		"contrib/servertest/postoffice",
		"contrib/servertest/run",
		"contrib/servertest/webtest",
	}, dir)
}

func mayImport(from *file, fromUnit, to unit, toDir string) bool {
	switch {
	case from.dir() == "daemon" || fromUnit.dir == to.dir || fromUnit.floor == roof && to.floor != roof:
		return true
	case from.test && (isTestSupport(toDir) || to.floor != roof):
		// Tests use real parts. The floors are about what the daemon is made
		// of; what a test puts around it may come from anywhere but a main.
		return true
	case to.floor == side:
		return slices.ContainsFunc(sideDoors(to.dir), func(p string) bool {
			ok, err := path.Match(p, from.dir())
			return err == nil && ok || strings.HasPrefix(from.dir(), p)
		})
	case fromUnit.floor == side:
		return to.floor == 0
	default:
		return to.floor < fromUnit.floor
	}
}

func checkFloors(h *house) []string {
	var out []string
	for _, f := range h.files {
		if f.ast == nil || f.dir() == "daemon" {
			continue
		}
		from, err := unitOf(f.dir())
		if err != nil {
			out = append(out, fmt.Sprintf("%s: %s %v", f.path, f.dir(), err))
			continue
		}
		for _, imp := range f.imports() {
			rel, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			to, err := unitOf(rel)
			switch {
			case err != nil:
				out = append(out, fmt.Sprintf("%s: imports %s, which %v", f.path, rel, err))
			case isTestSupport(rel) && !f.test:
				out = append(out, fmt.Sprintf("%s: imports %s, which is for tests only: move what you need out of it", f.path, rel))
			case !mayImport(f, from, to, rel):
				out = append(out, fmt.Sprintf("%s: imports %s, which is not below %s: an import only goes down a floor; declare the small interface you need and let the roof pass the value in", f.path, rel, from.dir))
			}
		}
	}
	return out
}
