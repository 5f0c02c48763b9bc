// The API's schema as a page (Swagger UI, served from here). Requests go out with the session of who reads it.

import { csrfToken } from "./dom.js";

const place = document.getElementById("api-docs");

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  validatorUrl: null, // would ask another host
  requestInterceptor(request) {
    request.headers["X-CSRFToken"] = csrfToken();
    return request;
  },
});
