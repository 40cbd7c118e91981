"""What a listener hears and uses: the player in the browser (``web/``), and what the server gives to it."""
