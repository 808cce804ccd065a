// The page's beginning.
import "./styles/tokens.css";
import "./styles/base.css";
import { mount } from "svelte";
import App from "./App.svelte";

const page = document.getElementById("page")!;
page.replaceChildren();
mount(App, { target: page });
