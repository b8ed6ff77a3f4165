package check

// Step is one line of an explanation: what was asked, what came of it, and
// which line of the config decided.
type Step struct {
	// Asked is the question, for example "account fit?".
	Asked string `json:"asked"`
	// Answer is what came of it, in plain words.
	Answer string `json:"answer"`
	// Config is the place that decides, as "file:line key"; empty where no
	// setting does.
	Config string `json:"config,omitempty"`
	// Stops says that nothing after this step would be looked at.
	Stops bool `json:"stops,omitempty"`
}
