/** Seeing it: for every problem its pictures, by the same few pieces. */
import { DifferencesPanel } from "./differences_panel.js";
import { Picture } from "./picture.js";
import { BACKWARD, FORWARD } from "./scenes/convolution.js";
import { RELU, SOFTMAX } from "./scenes/elementwise.js";
import { NETWORK } from "./scenes/network.js";
import { PADDING_AND_STRIDE } from "./scenes/padding_and_stride.js";
import { POOLING } from "./scenes/pooling.js";
import { SpeedPanel } from "./speed_panel.js";
import "./see.css";

const scene = (of) => (element, context) => new Picture(element, context, of);

/** By the first function of a problem, what there is to see, a tab each. */
const PICTURES = {
  conv2d_naive: () => [{ id: "picture", title: "Picture", make: scene(FORWARD) }],
  conv2d: () => [{ id: "picture", title: "Picture", make: scene(PADDING_AND_STRIDE) }],
  max_pool_2d: () => [{ id: "picture", title: "Picture", make: scene(POOLING) }],
  relu: () => [
    { id: "softmax", title: "Picture of softmax", make: scene(SOFTMAX) },
    { id: "relu", title: "Picture of ReLU", make: scene(RELU) },
  ],
  mini_cnn_forward: () => [{ id: "picture", title: "Picture", make: scene(NETWORK) }],
  conv2d_backward: backward,
};

/** The pictures of a problem as `[{ id, title, make(element, context) }]`. */
export const pictures = ({ functions }) => PICTURES[functions[0]]();

function backward() {
  let differences = null;
  let latest = null;
  const told = ({ arrays }) => {
    latest = arrays;
    differences?.show(arrays);
  };
  return [
    {
      id: "picture",
      title: "Picture",
      make: (element, context) => new Picture(element, context, BACKWARD, told),
    },
    {
      id: "differences",
      title: "Finite differences",
      make: (element) => {
        differences = new DifferencesPanel(element);
        if (latest) differences.show(latest);
        return differences;
      },
    },
    { id: "speed", title: "Speed", make: (element, context) => new SpeedPanel(element, context) },
  ];
}
