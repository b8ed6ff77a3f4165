package rows

import (
	"slices"

	"github.com/sallyport/sallyport/daemon/account"
)

// Copy gives a person, who is shared, to a caller as their own, with the payloads
// opened of the named factors.
func (r *Reader) Copy(p account.Snapshot, open []string) (account.Snapshot, error) {
	p.Records = slices.Clone(p.Records)
	for i := range p.Records {
		one := &p.Records[i]
		if err := r.hand(one, slices.Contains(open, one.Factor)); err != nil {
			return account.Snapshot{}, err
		}
	}
	return p, nil
}

// CopyOne is Copy with no record but that one, opened; without any where there is
// none of that ID.
func (r *Reader) CopyOne(p account.Snapshot, record string) (account.Snapshot, error) {
	all := p.Records
	p.Records = nil
	for i := range all {
		if all[i].ID == record {
			p.Records = []account.Record{all[i]}
			return p, r.hand(&p.Records[0], true)
		}
	}
	return p, nil
}

// hand makes a copied record the caller's own, with its payload opened or without.
func (r *Reader) hand(one *account.Record, open bool) error {
	one.Services = slices.Clone(one.Services)
	if !open {
		one.Payload = nil
		return nil
	}
	payload, err := r.Vault.OpenPayload(*one)
	if err != nil {
		return r.Tampered(one.Subject, "a payload cannot be opened", one.ID)
	}
	one.Payload = payload
	return nil
}
