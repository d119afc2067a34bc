"""The promises, the test that shows each, and the change of the product that this test notices."""
