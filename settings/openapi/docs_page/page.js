// No validator, so that the page sends requests only to this app.
SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#page",
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  showExtensions: true,
});
