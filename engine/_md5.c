/* MD5 of several messages at once (RFC 1321): each step is done for all lanes by vector instructions.

   One message alone cannot go faster than its chain of 64 steps a block; eight side by side take little longer than
   one. The vectors are those of GCC and Clang, which cut them to what the processor has; `engine/md5.py` does without
   this module where there is no such compiler. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read as they lie in memory"
#endif

#define LANES 8
#define BLOCK 64

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

typedef struct {
    const uint8_t *at;  /* the next block */
    size_t left;        /* whole blocks that are still to come */
    Py_ssize_t message; /* whose they are */
} Lane;

/* The whole part of 2^32 * |sin(i + 1)|. */
static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const int TURNS[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static inline lanes turned(lanes x, int n) { return (x << n) | (x >> (32 - n)); }

/* `blocks` blocks of every lane, each from its place on; a lane whose `stride` is 0 stays where it is. */
static void compress(lanes state[4], const uint8_t *const at[LANES], const size_t stride[LANES], size_t blocks)
{
    lanes a = state[0], b = state[1], c = state[2], d = state[3];
    for (size_t n = 0; n < blocks; n++) {
        const lanes a0 = a, b0 = b, c0 = c, d0 = d;
        lanes words[16];
        for (int i = 0; i < 16; i++)
            for (int lane = 0; lane < LANES; lane++) {
                uint32_t word;
                memcpy(&word, at[lane] + n * stride[lane] + 4 * i, 4);
                words[i][lane] = word;
            }
#pragma GCC unroll 64
        for (int i = 0; i < 64; i++) {
            lanes mixed;
            int word;
            if (i < 16) {
                mixed = d ^ (b & (c ^ d));
                word = i;
            } else if (i < 32) {
                mixed = c ^ (d & (b ^ c));
                word = (5 * i + 1) & 15;
            } else if (i < 48) {
                mixed = b ^ c ^ d;
                word = (3 * i + 5) & 15;
            } else {
                mixed = c ^ (b | ~d);
                word = (7 * i) & 15;
            }
            mixed += a + SINES[i] + words[word];
            a = d;
            d = c;
            c = b;
            b += turned(mixed, TURNS[i >> 4][i & 3]);
        }
        a += a0;
        b += b0;
        c += c0;
        d += d0;
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
}

/* Every message's state moved on by its blocks. A lane that is done takes the next message. */
static void advance(uint32_t (*states)[4], const Py_buffer *messages, Py_ssize_t count)
{
    static const uint8_t nothing[BLOCK];
    Lane running[LANES] = {{0}};
    lanes state[4] = {{0}};
    Py_ssize_t next = 0;

    for (;;) {
        size_t blocks = 0;
        const uint8_t *at[LANES];
        size_t stride[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            Lane *one = &running[lane];
            while (one->left == 0 && next < count) {
                *one = (Lane){messages[next].buf, (size_t)messages[next].len / BLOCK, next};
                for (int i = 0; i < 4; i++)
                    state[i][lane] = states[next][i];
                next++;
            }
            at[lane] = one->left ? one->at : nothing;
            stride[lane] = one->left ? BLOCK : 0;
            if (one->left && (blocks == 0 || one->left < blocks))
                blocks = one->left;
        }
        if (blocks == 0)
            return;
        compress(state, at, stride, blocks);
        for (int lane = 0; lane < LANES; lane++) {
            Lane *one = &running[lane];
            if (one->left == 0)
                continue;
            one->at += blocks * BLOCK;
            one->left -= blocks;
            if (one->left == 0)
                for (int i = 0; i < 4; i++)
                    states[one->message][i] = state[i][lane];
        }
    }
}

/* Takes in every buffer of `data`; how many are held: all of them, or less with an exception set. */
static Py_ssize_t hold(PyObject *data, Py_buffer *messages, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *one = PySequence_GetItem(data, i);
        int failed = one == NULL || PyObject_GetBuffer(one, &messages[i], PyBUF_SIMPLE) < 0;
        Py_XDECREF(one);
        if (failed)
            return i;
    }
    return count;
}

static PyObject *split(const uint32_t (*states)[4], Py_ssize_t count)
{
    PyObject *result = PyList_New(count);
    for (Py_ssize_t i = 0; result != NULL && i < count; i++) {
        PyObject *one = PyBytes_FromStringAndSize((const char *)states[i], 16);
        if (one == NULL || PyList_SetItem(result, i, one) < 0)
            Py_CLEAR(result);
    }
    return result;
}

static PyObject *md5_advance(PyObject *module, PyObject *arguments)
{
    const char *before;
    PyObject *data, *result = NULL;
    Py_ssize_t length, count, held = 0;
    if (!PyArg_ParseTuple(arguments, "y#O", &before, &length, &data) || (count = PySequence_Size(data)) < 0)
        return NULL;
    if (length != 16 * count) {
        PyErr_SetString(PyExc_ValueError, "one state of 16 bytes a message is needed");
        return NULL;
    }
    uint32_t(*states)[4] = PyMem_Malloc(16 * (size_t)count + 1);
    Py_buffer *messages = PyMem_Calloc((size_t)count + 1, sizeof(Py_buffer));
    if (states == NULL || messages == NULL) {
        PyErr_NoMemory();
    } else if ((held = hold(data, messages, count)) == count) {
        memcpy(states, before, (size_t)length);
        Py_BEGIN_ALLOW_THREADS
        advance(states, messages, count);
        Py_END_ALLOW_THREADS
        result = split((const uint32_t(*)[4])states, count);
    }
    while (held-- > 0)
        PyBuffer_Release(&messages[held]);
    PyMem_Free(messages);
    PyMem_Free(states);
    return result;
}

static PyMethodDef methods[] = {
    {"advance", md5_advance, METH_VARARGS,
     "advance(states, data): the states, 16 bytes each, after the whole blocks of 64 bytes of each buffer."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_md5", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__md5(void) { return PyModule_Create(&module); }
