package consumer

import "time"

// accepted notes that the API has taken the credentials for a namespace; it
// says whether it had refused them before.
func (p *pacer) accepted(n *namespace) bool {
	was := p.credentialsRefused
	p.credentialsRefused, p.doubts, n.forbidden = false, 0, false
	return was
}

// unauthorised notes that the API has refused the credentials for a namespace.
// 401 is about the key. 403 may be about the one namespace: it speaks against
// the key once another namespace is forbidden too without a success between, or
// once all are: those that the pacer knows, and others says whether there are more.
// One that is known to be forbidden says nothing new. While the credentials count
// as refused one attempt may try them after the delay. unauthorised says whether
// it is news that they are.
func (p *pacer) unauthorised(n *namespace, status int, others bool, now time.Time, delay time.Duration) bool {
	const several = 2
	if status != 401 && !n.forbidden {
		n.forbidden = true
		p.doubts++
	}
	was := p.credentialsRefused
	if was || status == 401 || p.doubts >= several || p.doubts > 0 && !others && p.allForbidden() {
		p.credentialsRefused = true
		p.refusedUntil = now.Add(delay)
	}
	return p.credentialsRefused && !was
}

// allForbidden says whether the pacer knows no namespace that the key may write
// to: none that has work or rests, and none that is idle.
func (p *pacer) allForbidden() bool {
	for _, n := range p.namespaces {
		if !n.forbidden {
			return false
		}
	}
	for name := range p.requests.last {
		if p.namespaces[name] == nil {
			return false
		}
	}
	return true
}
