"""The short way into a brief program, as LLVM IR text: a function that Python calls with the tuple
of arguments. It checks them against a table and runs the program, or does nothing and says so.

Python's lock is held meanwhile. Objects are only read: tuples, tensors, NumPy arrays, whose layouts
are part of their binary interfaces.
"""

from __future__ import annotations

# The table, made by `chainrule.runtime.entry`, lies within a bytes object, from 32. It starts with
# words: how many arguments there must be; the function and its four arguments; the types of arrays
# and of tensors, and where in a tensor its array lies; the address of a number, and what it must
# be; what copies the results, with PyObject_CallNoArgs; PyBool_FromLong. From 128 on it has a line
# of 64 bytes for each argument: the object that it must be, or null where arrays may change; their
# dtype, number of axes and extents, and the slot that gets the address of their elements.
ENTRY = """
define internal i64 @number(ptr %base, i64 %offset) alwaysinline {
  %at = getelementptr i8, ptr %base, i64 %offset
  %value = load i64, ptr %at
  ret i64 %value
}

define internal ptr @pointer(ptr %base, i64 %offset) alwaysinline {
  %at = getelementptr i8, ptr %base, i64 %offset
  %value = load ptr, ptr %at
  ret ptr %value
}

; The array that an argument is or, as a tensor, holds; null if it is anything else.
define internal ptr @array(ptr %table, ptr %item) alwaysinline {
  %type = call ptr @pointer(ptr %item, i64 8)
  %tensors = call ptr @pointer(ptr %table, i64 56)
  %wrapped = icmp eq ptr %type, %tensors
  br i1 %wrapped, label %unwrap, label %check
unwrap:
  %offset = call i64 @number(ptr %table, i64 64)
  %inner = call ptr @pointer(ptr %item, i64 %offset)
  %empty = icmp eq ptr %inner, null
  br i1 %empty, label %no, label %check
check:
  %found = phi ptr [%item, %0], [%inner, %unwrap]
  %kind = call ptr @pointer(ptr %found, i64 8)
  %arrays = call ptr @pointer(ptr %table, i64 48)
  %fits = icmp eq ptr %kind, %arrays
  br i1 %fits, label %yes, label %no
yes:
  ret ptr %found
no:
  ret ptr null
}

; Whether an array has the dtype and the shape of a line, in C's order and aligned.
define internal i1 @fits(ptr %array, ptr %line) alwaysinline {
entry:
  %dtype = call ptr @pointer(ptr %array, i64 56)
  %dtype.due = call ptr @pointer(ptr %line, i64 8)
  %same.dtype = icmp eq ptr %dtype, %dtype.due
  %axes.wide = call i64 @number(ptr %array, i64 24)
  %axes = and i64 %axes.wide, 4294967295
  %axes.due = call i64 @number(ptr %line, i64 16)
  %same.axes = icmp eq i64 %axes, %axes.due
  %flags = call i64 @number(ptr %array, i64 64)
  %packed = and i64 %flags, 257
  %plain = icmp eq i64 %packed, 257
  %same = and i1 %same.dtype, %same.axes
  %fine = and i1 %same, %plain
  br i1 %fine, label %shape, label %no
shape:
  %extents = call ptr @pointer(ptr %array, i64 32)
  %extents.due = call ptr @pointer(ptr %line, i64 24)
  br label %axis
axis:
  %number = phi i64 [0, %shape], [%number.next, %extent]
  %all = icmp eq i64 %number, %axes
  br i1 %all, label %yes, label %extent
extent:
  %offset = shl i64 %number, 3
  %length = call i64 @number(ptr %extents, i64 %offset)
  %length.due = call i64 @number(ptr %extents.due, i64 %offset)
  %equal = icmp eq i64 %length, %length.due
  %number.next = add i64 %number, 1
  br i1 %equal, label %axis, label %no
yes:
  ret i1 true
no:
  ret i1 false
}

define ptr @enter(ptr %self, ptr %arguments) {
entry:
  %table = getelementptr i8, ptr %self, i64 32
  %count = call i64 @number(ptr %table, i64 0)
  %size = call i64 @number(ptr %arguments, i64 16)
  %complete = icmp eq i64 %size, %count
  %admitted.at = call ptr @pointer(ptr %table, i64 72)
  %admitted = call i64 @number(ptr %admitted.at, i64 0)
  %own = call i64 @number(ptr %table, i64 80)
  %mine = icmp eq i64 %admitted, %own
  %open = and i1 %complete, %mine
  br i1 %open, label %next, label %no
next:
  %number = phi i64 [0, %entry], [%number.next, %passed]
  %more = icmp ult i64 %number, %count
  br i1 %more, label %look, label %run
look:
  %place = shl i64 %number, 3
  %from = add i64 %place, 24
  %item = call ptr @pointer(ptr %arguments, i64 %from)
  %step = shl i64 %number, 6
  %start = add i64 %step, 128
  %line = getelementptr i8, ptr %table, i64 %start
  %due = call ptr @pointer(ptr %line, i64 0)
  %changes = icmp eq ptr %due, null
  br i1 %changes, label %unwrap, label %compare
compare:
  %same = icmp eq ptr %item, %due
  br i1 %same, label %passed, label %no
unwrap:
  %array = call ptr @array(ptr %table, ptr %item)
  %other = icmp eq ptr %array, null
  br i1 %other, label %no, label %inside
inside:
  %fits = call i1 @fits(ptr %array, ptr %line)
  br i1 %fits, label %fill, label %no
fill:
  %elements = call ptr @pointer(ptr %array, i64 16)
  %slot = call ptr @pointer(ptr %line, i64 32)
  store ptr %elements, ptr %slot
  br label %passed
passed:
  %number.next = add i64 %number, 1
  br label %next
run:
  %function = call ptr @pointer(ptr %table, i64 8)
  %first = call i64 @number(ptr %table, i64 16)
  %second = call i64 @number(ptr %table, i64 24)
  %third = call i64 @number(ptr %table, i64 32)
  %fourth = call i64 @number(ptr %table, i64 40)
  call void %function(i64 %first, i64 %second, i64 %third, i64 %fourth)
  %copy = call ptr @pointer(ptr %table, i64 88)
  %call = call ptr @pointer(ptr %table, i64 96)
  %results = call ptr %call(ptr %copy)
  ret ptr %results
no:
  %bool = call ptr @pointer(ptr %table, i64 104)
  %false = call ptr %bool(i64 0)
  ret ptr %false
}
"""
