package clients

import (
	"slices"
	"strings"
	"testing"
)

// Each program gets the kind whose recipe helps, and of a stranger at most one
// plain word is left.
func TestPrograms(t *testing.T) {
	for agent, want := range map[string][2]string{
		"DAVx5/4.3.1-ose (2023/03/13; dav4jvm; okhttp/4.10.0) Android/13":            {"android"},
		"DAVdroid/2.2.1-ose okhttp/3.12.1 Android/9":                                 {"android"},
		"iOS/17.1 (21B74) dataaccessd/1.0":                                           {"iphone"},
		"iOS/16.5.1 (20F75) accountsd/1.0":                                           {"iphone"},
		"iPadOS/17.4 (21E219) dataaccessd/1.0":                                       {"iphone"},
		"dataaccessd/1.0":                                                            {"iphone"},
		"macOS/14.1 (23B74) CalendarAgent/961":                                       {"mac"},
		"macOS/14.0 (23A344) dataaccessd/1.0":                                        {"mac"},
		"macOS/13.4 (22F66) accountsd/113":                                           {"mac"},
		"Mac OS X/10.6.8 (10K549) CalendarStore/4.0.4":                               {"mac"},
		"Mac+OS+X/10.9.5 (13F1911) CalendarAgent/176.2":                              {"mac"},
		"Mac_OS_X/10.9 (13A603) AddressBookSourceSync/1369":                          {"mac"},
		"Mac+OS+X/10.10.5 (14F27) remindd/1.0":                                       {"mac"},
		"Mac_OS_X/10.9 (13A603) remindd/1.0":                                         {"mac"},
		"AddressBookSourceSync/1369":                                                 {"mac"},
		"kontact/5.24":                                                               {Other, "KDE"},
		"Merkuro.Calendar/24":                                                        {Other, "KDE"},
		"Mozilla/5.0 (X11) KDE DAV/5.0":                                              {Other, "KDE"},
		"iPadOS/17.4 (21E219) remindd/1.0":                                           {"iphone"},
		"iOS/17.4 (21E219) remindd/1.0":                                              {"iphone"},
		"macOS/14.1 (23B74) remindd/1.0":                                             {"mac"},
		"Mac OS X/10.8.5 (12F45) remindd/1.0":                                        {"mac"},
		"python (vdirsyncer 0.18)":                                                   {Other, "vdirsyncer"},
		"CalendarAgent/930":                                                          {"mac"},
		"accountsd/113 CFNetwork/978.0.7 Darwin/18.7.0 (x86_64)":                     {"mac"},
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0": {"thunderbird"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:128.0) Gecko/20100101 Thunderbird/128.0": {"thunderbird"},
		"Mozilla/5.0 (Windows NT 6.1; rv:38.0) Gecko/20100101 Thunderbird/38.2 Lightning/4.0.2":    {"thunderbird"},
		"Mozilla/5.0 (X11; rv:45.0) Gecko/20100101 Lightning/4.7":                                  {"thunderbird"},
		"CalDavSynchronizer/4.2":                              {"outlook"},
		"Microsoft Office/16.0 (Microsoft Outlook 16.0.5056)": {"outlook"},
		"Evolution/3.52.1":                                    {Other, "Evolution"},
		"evolution-data-server/3.50":                          {Other, "Evolution"},
		"vdirsyncer/0.19.2":                                   {Other, "vdirsyncer"},
		"akonadi_davgroupware_resource_0/5.24":                {Other, "KDE"},
		"Mozilla/5.0 (X11; Linux x86_64) KHTML/5.1 (like Gecko) KOrganizer/5.2": {Other, "KDE"},
		"KashCal/1.0": {Other, "KashCal"},
		"rclone":      {Other, "rclone"},
		"":            {Other, ""},
		"Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Firefox/128.0": {Other, ""},
		"Your account is closed/1":                                 {Other, ""},
		"<b>Evil</b>":                                              {Other, ""},
		"evil.example":                                             {Other, ""},
		"ÜberCal/1":                                                {Other, ""},
		strings.Repeat("a", maxName+1):                             {Other, ""},
		strings.Repeat("a", maxName):                               {Other, strings.Repeat("a", maxName)},
		"Mozilla":                                                  {Other, ""},
		"Call-us-now +49 190 1234/1.0/x":                           {Other, ""},
	} {
		if kind, name := Of(agent); kind != want[0] || name != want[1] {
			t.Errorf("%q is %q, %q; want %q", agent, kind, name, want)
		}
	}
}

// The table speaks the page's language, and each of its lines can be met.
func TestTheTableHoldsTogether(t *testing.T) {
	for _, k := range table() {
		if !slices.Contains(Kinds(), k.kind) || k.mark != strings.ToLower(k.mark) {
			t.Errorf("%+v: no such kind, or a mark with capitals", k)
		}
		if named := Plain(k.name); named != (k.kind == Other) {
			t.Errorf("%+v: only other programs need a name, and it must be plain", k)
		}
		if kind, name := Of("x " + k.mark + " y"); kind != k.kind || name != k.name {
			t.Errorf("%+v is hidden behind another line", k)
		}
	}
}

func FuzzOf(f *testing.F) {
	for _, seed := range []string{"", "DAVx5/4", "a/b", "<b>", strings.Repeat("é", 40)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		kind, name := Of(agent)
		if !slices.Contains(Kinds(), kind) || name != "" && !Plain(name) {
			t.Errorf("%q is %q, %q", agent, kind, name)
		}
	})
}
