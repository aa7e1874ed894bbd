//! The fixtures as one server: which methods there are, and which file answers each.
#![expect(deprecated, reason = "the suite tests what older revisions have")]

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
    ErrorData, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    InitializeResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    UpdateTaskParams,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};

use crate::known::{Fixtures, complete};
use crate::{asking, tasks, things, tools};

type Asked = RequestContext<RoleServer>;
type Page = Option<PaginatedRequestParams>;

impl ServerHandler for Fixtures {
    fn get_info(&self) -> InitializeResult {
        let capabilities = ServerCapabilities::builder()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_logging()
            .enable_completions()
            .enable_tasks()
            .build();
        InitializeResult::new(capabilities)
            .with_server_info(Implementation::new("cotty-conformance", env!("CARGO_PKG_VERSION")))
            .with_instructions("The fixtures of the conformance suite")
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name)
    }

    async fn list_tools(&self, _: Page, _: Asked) -> Result<ListToolsResult, ErrorData> {
        complete(tools::list())
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        asked: Asked,
    ) -> Result<CallToolResponse, ErrorData> {
        if call.name.starts_with("test_input_required_result_") || call.name == "test_streaming_elicitation" {
            return asking::call(self, &call, &asked);
        }
        if tasks::NAMES.contains(&&*call.name) {
            return tasks::call(self, call, &asked).await;
        }
        tools::call(self, call, asked).await.map(Into::into)
    }

    async fn list_resources(&self, _: Page, _: Asked) -> Result<ListResourcesResult, ErrorData> {
        complete(things::resources())
    }

    async fn list_resource_templates(
        &self,
        _: Page,
        _: Asked,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        complete(things::templates())
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        _: Asked,
    ) -> Result<ReadResourceResponse, ErrorData> {
        things::read(&asked.uri)
    }

    async fn list_prompts(&self, _: Page, _: Asked) -> Result<ListPromptsResult, ErrorData> {
        complete(things::prompts())
    }

    async fn get_prompt(
        &self,
        wanted: GetPromptRequestParams,
        _: Asked,
    ) -> Result<GetPromptResponse, ErrorData> {
        if wanted.name == "test_input_required_result_prompt" {
            return asking::prompt(&wanted);
        }
        things::prompt(&wanted)
    }

    async fn complete(&self, _: CompleteRequestParams, _: Asked) -> Result<CompleteResult, ErrorData> {
        complete(things::completions())
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Asked) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Asked) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Asked) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(wanted.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.keep(context).await;
        Ok(())
    }

    async fn get_task(&self, asked: GetTaskParams, _: Asked) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get_task(&asked.task_id).map(GetTaskResult::new)
    }

    async fn update_task(&self, told: UpdateTaskParams, _: Asked) -> Result<(), ErrorData> {
        self.tasks.update_task(&told.task_id, told.input_responses)
    }

    async fn cancel_task(&self, asked: CancelTaskParams, _: Asked) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&asked.task_id)
    }
}
