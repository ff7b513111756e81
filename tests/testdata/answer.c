/* cc: -shared -fPIC -Wl,-soname,libburrowanswer.so.1 */
/* The library that a spec binds in and that programs must find afterwards. */
int burrow_answer(void);

int burrow_answer(void) { return 42; }
