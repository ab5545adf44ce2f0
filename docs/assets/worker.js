// Pages opened from disk may start no worker, so the search of Material runs in a hidden frame there.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.body.appendChild(this.frame)
      const page = this.frame.contentWindow
      addEventListener("message", (event) => {
        if (event.source === page) this.dispatchEvent(new MessageEvent("message", { data: event.data }))
      })
      this.ready = new Promise((loaded) => (this.frame.onload = loaded))
      page.document.open()
      page.document.write(`<body><script>
        postMessage = (data) => parent.dispatchEvent(new MessageEvent("message", { data, source: window }))
        importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise((loaded) => {
          const script = document.createElement("script")
          script.src = url
          script.onload = loaded
          document.body.appendChild(script)
        })), Promise.resolve())
      <\/script><script src="${url}"><\/script>`)
      page.document.close()
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
