#pragma once

namespace snn {

// Asks Linux to let this process use tiles, the first time only; true if it does.
// The processor is not asked: whoever calls this has found AMX int8 there.
bool amx_permitted();

}  // namespace snn
