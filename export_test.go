package myvault

// TrailActions returns the actions that a filter may name.
var TrailActions = trailActions

// Visible returns the projects that are visible to the session in one call.
func Visible(s *Session, projects ...string) (seen []string) {
	policy := s.vault.policy.Load()
	visible := rights{policy, policy.services[s.service], s.limits}.visibility()
	for _, project := range projects {
		if visible.sees(project) {
			seen = append(seen, project)
		}
	}
	return seen
}

// Between returns the position of a page that ends between two addresses.
var Between = between
