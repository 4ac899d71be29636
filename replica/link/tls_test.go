package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quorate/quorate/internal/testkit/memnet"
)

// certified gives a configuration for both ends, under a certificate of its own.
func certified(t *testing.T, hosts ...string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: hosts, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{{127, 0, 0, 1}}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// With TLS links come up, carry payloads and break as without; who does not
// speak it, or trusts another authority, is refused.
func TestTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(1)
		conf := certified(t, "a", "b", "d")
		secure := func(c *Config) { c.TLS = conf }
		a := joinWith(t, n.Host("a"), "a", 1, 1, secure, "b:1")
		b := joinWith(t, n.Host("b"), "b", 2, 1, secure, "a:1")
		plain := join(t, n, "c", 3, 1, "a:1")
		other := certified(t, "a", "b", "d")
		stranger := joinWith(t, n.Host("d"), "d", 4, 1, func(c *Config) { c.TLS = other }, "a:1")
		time.Sleep(2 * time.Second)
		if p := a.Peers(); len(p) != 1 || p[0].ID != 2 {
			t.Fatalf("peers: %+v", p)
		}
		a.Send(2, Append, make([]byte, 1<<20))
		time.Sleep(time.Second)
		if got := b.seen("payload"); len(got) != 1 || got[0].bytes != 1<<20 {
			t.Errorf("payloads: %+v", got)
		}
		n.Reset("a", "b")
		time.Sleep(time.Second)
		if len(a.seen("down")) != 1 || len(a.Peers()) != 1 {
			t.Error("the link does not break and come back")
		}
		for _, m := range []*member{a, b, plain, stranger} {
			m.leave(t)
		}
	})
}
