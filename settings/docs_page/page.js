// No validator: the page asks nobody but the app that it came from.
SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#page",
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  showExtensions: true,
});
