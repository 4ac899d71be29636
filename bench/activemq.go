package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/quorate/quorate/internal/testkit/proc"
)

const activemqJar = "/usr/share/activemq/bin/activemq.jar"

// activemq is one ActiveMQ Classic of Debian's package with KahaDB, each write
// flushed (its default), over STOMP. It has no replicas to compare with: the
// one that it had was removed in this line.
type activemq struct {
	children
	addr string
}

func (a *activemq) Name() string { return "ActiveMQ, one node" }

func (a *activemq) Start(dir string) error {
	if _, err := os.Stat(activemqJar); err != nil {
		return absent("not installed; apt-get install --no-install-recommends activemq")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return absent("no java; apt-get install --no-install-recommends default-jre-headless")
	}
	ports, err := proc.Ports(1)
	if err != nil {
		return err
	}
	a.addr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	conf := filepath.Join(dir, "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return err
	}
	xml := fmt.Sprintf(`<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" useJmx="false" brokerName="bench" dataDirectory="%s/data">
    <persistenceAdapter><kahaDB directory="%s/kahadb"/></persistenceAdapter>
    <transportConnectors><transportConnector name="stomp" uri="stomp://%s"/></transportConnectors>
  </broker>
</beans>`, dir, dir, a.addr)
	file := filepath.Join(conf, "activemq.xml")
	if err := os.WriteFile(file, []byte(xml), 0o644); err != nil {
		return err
	}
	err = a.start(filepath.Join(dir, "out.log"), nil, java, "-Xms512m", "-Xmx512m",
		"-Dorg.apache.activemq.UseDedicatedTaskRunner=false", "-Djava.net.preferIPv4Stack=true",
		"-Dactivemq.home=/usr/share/activemq", "-Dactivemq.base="+dir, "-Dactivemq.conf="+conf, "-Dactivemq.data="+dir+"/data",
		"-jar", activemqJar, "start", "xbean:file:"+file)
	if err != nil {
		return err
	}
	return waitPort(a.addr, 60*time.Second)
}

func (a *activemq) Producer(to []destination, window, size int) (producer, error) {
	c, err := dialStomp(a.addr, "")
	if err != nil {
		return nil, err
	}
	return c.producer(to, "", window, size), nil
}

func (a *activemq) Consumer(queues []string, prefetch int) (consumer, error) {
	c, err := dialStomp(a.addr, "")
	if err != nil {
		return nil, err
	}
	return c, c.subscribe(queues, fmt.Sprintf("activemq.prefetchSize:%d\n", prefetch))
}

func (a *activemq) Subscriber(topic, name string, prefetch int) (consumer, error) {
	c, err := dialStomp(a.addr, "client-id:"+name+"\n")
	if err != nil {
		return nil, err
	}
	return c, c.durable(topic, fmt.Sprintf("activemq.subscriptionName:%s\nactivemq.prefetchSize:%d\n", name, prefetch))
}
