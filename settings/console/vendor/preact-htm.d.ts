// The types of preact-htm.js, for tsc alone: Preact's own, from npm. This file is not served.
import { Component, ComponentChild, ComponentChildren, VNode, createContext, h } from "preact";
export {
  useCallback,
  useContext,
  useDebugValue,
  useEffect,
  useErrorBoundary,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "preact/hooks";
export { Component, ComponentChild, ComponentChildren, VNode, createContext, h };
export function render(tree: ComponentChild, parent: Element): void;
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;
