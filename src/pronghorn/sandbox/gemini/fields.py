"""Which fields a request may have: Google's messages as a table, one line a message, `name:kind` a field.

Kinds are text (the default), bool, int32, int64, float, bytes, any, another message, or an enum of the second table;
`[]` is a list, `{}` a map. Anything that is not here is an unknown field, which Google refuses.
"""

_MESSAGES = """
GenerateContentRequest model systemInstruction:Content contents:Content[] tools:Tool[] toolConfig:ToolConfig
  safetySettings:SafetySetting[] generationConfig:GenerationConfig cachedContent serviceTier:ServiceTier store:bool
CountTokensRequest contents:Content[] generateContentRequest:GenerateContentRequest
BatchEmbedContentsRequest requests:EmbedContentRequest[]
EmbedContentRequest model content:Content taskType:TaskType title outputDimensionality:int32
  embedContentConfig:EmbedContentConfig
EmbedContentConfig title taskType:TaskType autoTruncate:bool outputDimensionality:int32 documentOcr:bool
  audioTrackExtraction:bool
Content parts:Part[] role
Part text inlineData:Blob functionCall:FunctionCall functionResponse:FunctionResponse fileData:FileData
  executableCode:ExecutableCode codeExecutionResult:CodeExecutionResult toolCall:ToolCall toolResponse:ToolResponse
  videoMetadata:VideoMetadata thought:bool thoughtSignature:bytes partMetadata:any mediaResolution:PartMediaResolution
PartMediaResolution level:MediaResolution numTokens:int32
Blob mimeType data:bytes
FileData mimeType fileUri
FunctionCall id name args:any
FunctionResponse id name response:any parts:FunctionResponsePart[] willContinue:bool scheduling:Scheduling
FunctionResponsePart inlineData:FunctionResponseBlob
FunctionResponseBlob mimeType data:bytes
ExecutableCode id language:Language code
CodeExecutionResult id outcome:Outcome output
ToolCall id toolType:ToolType args:any
ToolResponse id toolType:ToolType response:any
VideoMetadata startOffset endOffset fps:float
Tool functionDeclarations:FunctionDeclaration[] googleSearchRetrieval:GoogleSearchRetrieval
  codeExecution:CodeExecution googleSearch:GoogleSearch computerUse:ComputerUse urlContext:UrlContext
  fileSearch:FileSearch mcpServers:McpServer[] googleMaps:GoogleMaps
FunctionDeclaration name description parameters:Schema parametersJsonSchema:any response:Schema
  responseJsonSchema:any behavior:Behavior
GoogleSearchRetrieval dynamicRetrievalConfig:DynamicRetrievalConfig
DynamicRetrievalConfig mode:DynamicMode dynamicThreshold:float
CodeExecution
GoogleSearch timeRangeFilter:Interval searchTypes:SearchTypes
Interval startTime endTime
SearchTypes webSearch:WebSearch imageSearch:ImageSearch
WebSearch
ImageSearch
ComputerUse environment:Environment excludedPredefinedFunctions:text[]
UrlContext
FileSearch fileSearchStoreNames:text[] topK:int32 metadataFilter
McpServer streamableHttpTransport:StreamableHttpTransport name
StreamableHttpTransport url headers:text{} timeout sseReadTimeout terminateOnClose:bool
GoogleMaps enableWidget:bool
ToolConfig functionCallingConfig:FunctionCallingConfig retrievalConfig:RetrievalConfig
  includeServerSideToolInvocations:bool
FunctionCallingConfig mode:Mode allowedFunctionNames:text[]
RetrievalConfig latLng:LatLng languageCode
LatLng latitude:float longitude:float
SafetySetting category:HarmCategory threshold:HarmBlockThreshold
Schema type:Type format title description nullable:bool enum:text[] items:Schema maxItems:int64 minItems:int64
  properties:Schema{} required:text[] minProperties:int64 maxProperties:int64 minimum:float maximum:float
  minLength:int64 maxLength:int64 pattern example:any anyOf:Schema[] propertyOrdering:text[] default:any
GenerationConfig candidateCount:int32 stopSequences:text[] maxOutputTokens:int32 temperature:float topP:float
  topK:int32 seed:int32 responseMimeType responseSchema:Schema _responseJsonSchema:any responseJsonSchema:any
  presencePenalty:float frequencyPenalty:float responseLogprobs:bool logprobs:int32 enableEnhancedCivicAnswers:bool
  responseModalities:Modality[] speechConfig:SpeechConfig thinkingConfig:ThinkingConfig imageConfig:ImageConfig
  mediaResolution:MediaResolution responseFormat:ResponseFormatConfig
SpeechConfig voiceConfig:VoiceConfig multiSpeakerVoiceConfig:MultiSpeakerVoiceConfig languageCode
VoiceConfig prebuiltVoiceConfig:PrebuiltVoiceConfig
PrebuiltVoiceConfig voiceName
MultiSpeakerVoiceConfig speakerVoiceConfigs:SpeakerVoiceConfig[]
SpeakerVoiceConfig speaker voiceConfig:VoiceConfig
ThinkingConfig includeThoughts:bool thinkingBudget:int32 thinkingLevel:ThinkingLevel
ImageConfig aspectRatio imageSize
ResponseFormatConfig text:TextResponseFormat audio:AudioResponseFormat image:ImageResponseFormat
TextResponseFormat mimeType schema:any
AudioResponseFormat mimeType delivery:Delivery sampleRate:int32 bitRate:int32
ImageResponseFormat mimeType delivery:Delivery aspectRatio imageSize
"""

_VERTEX_MESSAGES = """
GenerateContentRequest labels:text{} modelArmorConfig:any
CountTokensRequest generationConfig:GenerationConfig instances:any[] model systemInstruction:Content tools:Tool[]
GenerationConfig audioTimestamp:bool enableAffectiveDialog:bool routingConfig:any modelSelectionConfig:any
SafetySetting method
Tool enterpriseWebSearch:any parallelAiSearch:any retrieval:any
GoogleSearch blockingConfidence excludeDomains:text[]
ImageConfig imageOutputOptions:any personGeneration prominentPeople
Schema additionalProperties:any defs:Schema{} ref
FunctionCallingConfig streamFunctionCallArguments:bool
FileData displayName
Blob displayName
FunctionCall partialArgs:any[] willContinue:bool
FunctionResponsePart fileData:FileData
FunctionResponseBlob displayName
VoiceConfig replicatedVoiceConfig:any
"""

_ENUMS = """
ServiceTier UNSPECIFIED STANDARD FLEX PRIORITY
TaskType TASK_TYPE_UNSPECIFIED RETRIEVAL_QUERY RETRIEVAL_DOCUMENT SEMANTIC_SIMILARITY CLASSIFICATION CLUSTERING
  QUESTION_ANSWERING FACT_VERIFICATION CODE_RETRIEVAL_QUERY
MediaResolution MEDIA_RESOLUTION_UNSPECIFIED MEDIA_RESOLUTION_LOW MEDIA_RESOLUTION_MEDIUM MEDIA_RESOLUTION_HIGH
  MEDIA_RESOLUTION_ULTRA_HIGH
Scheduling SCHEDULING_UNSPECIFIED SILENT WHEN_IDLE INTERRUPT
Language LANGUAGE_UNSPECIFIED PYTHON
Outcome OUTCOME_UNSPECIFIED OUTCOME_OK OUTCOME_FAILED OUTCOME_DEADLINE_EXCEEDED
ToolType TOOL_TYPE_UNSPECIFIED GOOGLE_SEARCH_WEB GOOGLE_SEARCH_IMAGE URL_CONTEXT GOOGLE_MAPS FILE_SEARCH
Behavior UNSPECIFIED BLOCKING NON_BLOCKING
DynamicMode MODE_UNSPECIFIED MODE_DYNAMIC
Environment ENVIRONMENT_UNSPECIFIED ENVIRONMENT_BROWSER
Mode MODE_UNSPECIFIED AUTO ANY NONE VALIDATED
HarmCategory HARM_CATEGORY_UNSPECIFIED HARM_CATEGORY_DEROGATORY HARM_CATEGORY_TOXICITY HARM_CATEGORY_VIOLENCE
  HARM_CATEGORY_SEXUAL HARM_CATEGORY_MEDICAL HARM_CATEGORY_DANGEROUS HARM_CATEGORY_HARASSMENT
  HARM_CATEGORY_HATE_SPEECH HARM_CATEGORY_SEXUALLY_EXPLICIT HARM_CATEGORY_DANGEROUS_CONTENT
  HARM_CATEGORY_CIVIC_INTEGRITY HARM_CATEGORY_JAILBREAK HARM_CATEGORY_IMAGE_HATE
  HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT HARM_CATEGORY_IMAGE_HARASSMENT HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT
HarmBlockThreshold HARM_BLOCK_THRESHOLD_UNSPECIFIED BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE BLOCK_ONLY_HIGH
  BLOCK_NONE OFF
Type TYPE_UNSPECIFIED STRING NUMBER INTEGER BOOLEAN ARRAY OBJECT NULL
Modality MODALITY_UNSPECIFIED TEXT IMAGE AUDIO VIDEO
ThinkingLevel THINKING_LEVEL_UNSPECIFIED MINIMAL LOW MEDIUM HIGH XHIGH
Delivery DELIVERY_UNSPECIFIED INLINE URI
"""

Messages = dict[str, dict[str, str]]


def _rows(table: str) -> dict[str, list[str]]:
    rows = [line.split() for line in table.strip().replace("\n  ", " ").splitlines()]
    return {row[0]: row[1:] for row in rows}


def _messages(table: str) -> Messages:
    return {
        name: {field.partition(":")[0]: field.partition(":")[2] or "text" for field in row}
        for name, row in _rows(table).items()
    }


MESSAGES: Messages = _messages(_MESSAGES)
"""Message to field to kind."""

VERTEX_MESSAGES: Messages = MESSAGES | {
    name: MESSAGES[name] | more for name, more in _messages(_VERTEX_MESSAGES).items()
}
"""The same with what Vertex AI has beside it."""

ENUMS: dict[str, list[str]] = _rows(_ENUMS)
