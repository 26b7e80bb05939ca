//! Signs and sends one AWS operation over HTTP; opens signed websockets.
