#include "tcp/listener.hpp"
#include "tcp/mutant.hpp"

#include <algorithm>

namespace lastack::tcp {

using wire::Flag;

Effects Listener::open() {
  Effects fx;
  if (state_ == State::closed) state_ = take(state_, Event::passive_open, fx);
  return fx;
}

Effects Listener::close() {
  Effects fx;
  if (state_ == State::listen) state_ = take(state_, Event::close, fx);
  return fx;
}

Effects Listener::abort() {
  Effects fx;
  if (state_ == State::listen) state_ = take(state_, Event::abort, fx);
  return fx;
}

Listener::Step Listener::segment_arrives(const wire::TcpHeader& header, std::uint32_t payload,
                                         const Open& how, TimePoint now) const {
  Step step;
  const bool rst = header.flags.has(Flag::rst);
  const bool ack = header.flags.has(Flag::ack) && !mutated(Mutant::listen_takes_ack);
  if (rst || ack || state_ != State::listen) {  // first, second
    step.fx.drop = Drop::no_connection;
    if (!rst) step.fx.reset = reset_for(header, payload);
    return step;
  }
  if (!header.flags.has(Flag::syn)) {  // fourth
    step.fx.drop = Drop::not_syn;
    return step;
  }
  // DEVIATES: §3.10.7.2 queues what else comes with the SYN; it is left to be sent again.
  const Settings defaults;
  const Settings& settings = how.settings ? *how.settings : defaults;
  SynRcvd child;
  child.agreed = agree(header.options, offer_of(settings), how.mss, how.default_mss);
  child.iss = how.iss;
  child.irs = header.seq;
  child.ts.offset = how.ts_offset;
  if (child.agreed.timestamps) child.ts.take(header.options.ts_val, now);
  child.mss = how.mss;
  child.window = header.window;
  // What the scale of later segments can say: nothing that they would have to take back.
  const std::uint32_t window = std::min<std::uint32_t>(settings.receive_buffer, 0xffff);
  child.receive_window = static_cast<std::uint16_t>(window >> child.agreed.receive_scale
                                                                  << child.agreed.receive_scale);
  child.sent = now;
  child.state = take(state_, Event::syn, step.fx);
  step.child = child;
  return step;
}

}  // namespace lastack::tcp
