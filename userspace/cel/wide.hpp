// Nanoseconds of ten thousand years need more than 64 bits.
#pragma once

namespace callgate::cel {

__extension__ using Wide = __int128;

}  // namespace callgate::cel
