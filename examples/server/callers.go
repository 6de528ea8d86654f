package main

// CallerSettings are about who calls, and from where.
type CallerSettings struct {
	Origins     []string `env:"MYVAULT_ORIGINS" help:"web sites such as https://console.example.org whose pages may call this server, comma-separated"`
	Forwarders  []string `env:"MYVAULT_FORWARDERS" help:"addresses and networks of proxies whose X-Forwarded-For is believed, comma-separated"`
	Connections int      `env:"MYVAULT_CONNECTIONS" help:"how many connections may be open (512)"`
}
