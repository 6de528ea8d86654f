package myvault

// LimitUsage makes the vault know the last reads of so many secrets.
func (v *Vault) LimitUsage(n int) { v.usage.limit = n }
