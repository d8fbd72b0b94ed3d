// What the service refuses, in Chinese: the sentence itself where it is known by a piece of its
// English, else what its kind asks of the reader. The English stands beside it on the page.

const KINDS = {
  BadInput: "请按提示更正后再试",
  NotFound: "请核对名称或编号",
  Refused: "请由有权限的人办理",
  NoKey: "请出示有效的密钥",
  NotReady: "请稍后再试",
  NoRoom: "磁盘或存储已满，没有留下写了一半的数据；请腾出空间后再试",
  Damaged: "签名或摘要不符，已停止使用；请联系运维核查",
  WrongMethod: "该地址不支持此方法",
  TooLarge: "请减少一次发送的内容",
  WrongType: "只接受 JSON",
  TooSlow: "超过时限仍未完成，请再试",
  other: "服务内部出错，详情见日志",
};

// A piece of the English sentence, and what it says. The first that is found counts.
const SENTENCES = [
  ["no feature view knows this customer", "没有任何特征视图有这位客户的数据；请核对客户编号，新客户在下一次物化之后可查"],
  ["has this name", "当前策略没有这个产品，请从所列产品中选择"],
  ["requests are being answered already", "正在处理的请求已满，请稍等一秒再试"],
  ["it took longer than", "超过时限仍未完成，请再试；决策可能已记录而未送达"],
  ["has none of the roles that this needs", "您的角色不能做这件事，请由所列角色的人办理"],
  ["no key, or a key that is nobody's", "没有密钥，或密钥不属于任何人"],
  ["no key", "没有密钥"],
  ["it is larger than", "内容超过大小上限，请减少一次发送的内容"],
  ["the caller left before the body was sent", "请求内容没有发完"],
  ["no such address", "没有这个地址"],
  ["the address does not take this method", "该地址不支持此方法"],
  ["only JSON is read here", "只接受 JSON"],
  ["it is not JSON in UTF-8", "内容不是 UTF-8 编码的 JSON"],
  ["contains unknown field", "内容里有不认识的字段，请更正所指的字段"],
  ["missing required field", "缺少必填的字段，请补上所指的字段"],
  ["Expected `", "所指字段的类型或取值不符，请更正"],
  ["needs `bureau_query_id`", "征信字段须同时给出查询编号与授权编号"],
  ["an unexpected fault", "服务内部出错，详情见日志"],
  ["no version is champion", "尚无冠军版本在线；请先批准上线一个版本"],
  ["the model is being loaded", "模型正在加载，请稍等片刻再试"],
  ["the service is not open", "服务尚未就绪，请再试"],
  ["this entry is not a decision", "这条记录不是决策"],
  ["this decision was kept in a form that is not known here", "这条决策的存储格式本版软件无法识别，请用写入它的版本读取"],
  ["no entry of this log has this id", "审计日志中没有这条记录，请核对编号"],
  ["there is no such file", "没有这个文件"],
  ["the console has no such file", "控制台没有这个文件"],
  ["there is no such export", "该版本没有导出文件，请重新批准上线"],
  ["was ever promoted", "尚无版本上线，请先批准上线一个版本"],
  ["was withdrawn by", "该别名已被撤下"],
  ["this was not computed yet", "尚未计算，请先打开监测页"],
  ["there is no such model", "没有这个模型，请从所列模型中选择"],
  ["it has no version", "该模型没有这个版本，请另选"],
  ["the model has no such variable", "模型没有这个变量，请选择面板中的变量"],
  ["it is being renewed", "结果正在更新，请再试"],
  ["questions are waiting", "排队等待计算的问题已满，请稍后再试"],
  ["is no period", "周期只能是周或月"],
  ["names no segment", "客群条件不成立，请按“名称=取值”填写"],
  ["the audit log has no decision of it", "审计日志中还没有这个版本的决策；请选择作过决策的版本，或等待首批决策"],
  ["a note has 1 to", "备注不能为空，也不能过长；请写明如何处理"],
  ["there is no such alert", "没有这条预警"],
  ["none of FPD's", "首逾天数只能取所列的几个"],
  ["is none of its", "所指的取值不在面板中，请选择面板所列"],
  ["the window ends before it begins", "时间窗的结束早于开始，请更正"],
  ["the window has more than", "时间窗过长，请把开始改晚一些"],
  ["before 1970", "时间窗超出范围，请在 1970 年之后、9000 年之前选择"],
  ["after the year 9000", "时间窗超出范围，请在 1970 年之后、9000 年之前选择"],
];

export function inChinese({ code, what }) {
  const found = SENTENCES.find(([piece]) => what.includes(piece));
  return found ? found[1] : KINDS[code] ?? KINDS.other;
}
