"""Archives made while they are downloaded: a frozen list of members, a layout that knows every
byte's place beforehand, and a reader that produces the bytes from any offset."""
